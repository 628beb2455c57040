#include "attach/agent/link_map.h"

#include <elf.h>

#include "attach/agent/agent.h"

/* The dynamic linker's interface to debuggers; <link.h> of glibc and of musl agree on it. */
struct LinkMap {
  uint64_t bias;
  const char* name;
  Elf64_Dyn* dynamic;
  struct LinkMap* next;
  struct LinkMap* previous;
};
struct Debug {
  int version;
  struct LinkMap* first;
};

/* glibc's loader exports the structure, musl's a pointer to it. Weak, for there is only one of them, and on attach
 * none is bound. */
extern struct Debug _r_debug __attribute__((weak));
extern struct Debug* _dl_debug_addr __attribute__((weak));

extern Elf64_Dyn pyleak_dynamic[] __asm__("_DYNAMIC") __attribute__((visibility("hidden")));

/* More modules than any program has: a bound for a list that might be torn. */
#define MOST_MODULES 4096

struct SymbolTable {
  uint64_t bias;
  const Elf64_Sym* symbols;
  const char* strings;
  const uint32_t* gnu_hash;
  const uint32_t* sysv_hash;
};

static int equal(const char* a, const char* b) {
  while (*a && *a == *b) ++a, ++b;
  return *a == *b;
}

/* glibc has relocated these entries in place, but not those of the vDSO, and musl none. */
static uint64_t absolute(uint64_t bias, uint64_t value) { return value < bias ? value + bias : value; }

static struct SymbolTable symbol_table(const struct LinkMap* module) {
  struct SymbolTable table = {.bias = module->bias};
  for (const Elf64_Dyn* entry = module->dynamic; entry && entry->d_tag != DT_NULL; ++entry) {
    const uint64_t value = absolute(module->bias, entry->d_un.d_ptr);
    if (entry->d_tag == DT_SYMTAB) table.symbols = (const Elf64_Sym*)value;
    if (entry->d_tag == DT_STRTAB) table.strings = (const char*)value;
    if (entry->d_tag == DT_GNU_HASH) table.gnu_hash = (const uint32_t*)value;
    if (entry->d_tag == DT_HASH) table.sysv_hash = (const uint32_t*)value;
  }
  return table;
}

/* The address of a defined function or object; 0 for an import, and for an IFUNC, which would have to be called. */
static void* address_if_named(const struct SymbolTable* table, uint32_t index, const char* name) {
  const Elf64_Sym* symbol = &table->symbols[index];
  if (symbol->st_shndx == SHN_UNDEF || ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC) return 0;
  if (!equal(table->strings + symbol->st_name, name)) return 0;
  return (void*)(table->bias + symbol->st_value);
}

/* Layout: bucket count, first hashed symbol, bloom words, bloom shift; bloom; buckets; chains. */
static void* lookup_gnu(const struct SymbolTable* table, const char* name) {
  const uint32_t* head = table->gnu_hash;
  const uint32_t bucket_count = head[0];
  const uint32_t first = head[1];
  const uint32_t* buckets = head + 4 + 2 * head[2];
  const uint32_t* chains = buckets + bucket_count;
  if (bucket_count == 0) return 0;
  uint32_t hash = 5381;
  for (const char* c = name; *c; ++c) hash = hash * 33 + (unsigned char)*c;
  uint32_t index = buckets[hash % bucket_count];
  if (index < first) return 0;
  for (;; ++index) {
    const uint32_t entry = chains[index - first];
    void* address = (entry | 1) == (hash | 1) ? address_if_named(table, index, name) : 0;
    if (address || entry & 1) return address; /* the lowest bit ends a chain */
  }
}

/* Layout: bucket count, chain count, buckets, chains. */
static void* lookup_sysv(const struct SymbolTable* table, const char* name) {
  const uint32_t bucket_count = table->sysv_hash[0];
  const uint32_t* buckets = table->sysv_hash + 2;
  const uint32_t* chains = buckets + bucket_count;
  if (bucket_count == 0) return 0;
  uint32_t hash = 0;
  for (const char* c = name; *c; ++c) {
    hash = (hash << 4) + (unsigned char)*c;
    hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
  }
  for (uint32_t index = buckets[hash % bucket_count]; index != 0; index = chains[index]) {
    void* address = address_if_named(table, index, name);
    if (address) return address;
  }
  return 0;
}

void* pyleak_lookup(const char* name) {
  const struct Debug* debug = &_r_debug ? &_r_debug : &_dl_debug_addr ? _dl_debug_addr : 0;
  const struct LinkMap* module = debug ? debug->first : 0;
  for (int i = 0; module && i < MOST_MODULES; ++i, module = module->next) {
    if (module->dynamic == pyleak_dynamic) continue;
    const struct SymbolTable table = symbol_table(module);
    if (!table.symbols || !table.strings) continue;
    void* address = table.gnu_hash ? lookup_gnu(&table, name) : table.sysv_hash ? lookup_sysv(&table, name) : 0;
    if (address) return address;
  }
  return 0;
}

void pyleak_resolve(void) {
  static const char names[PYLEAK_FUNCTION_COUNT][16] = {PYLEAK_FUNCTION_NAMES};
  if (__atomic_load_n(&pyleak_context_local.clock, __ATOMIC_ACQUIRE)) return;
  for (int i = 0; i < PYLEAK_FUNCTION_COUNT; ++i) pyleak_context_local.real[i] = (uint64_t)pyleak_lookup(names[i]);
  void* clock = pyleak_lookup("__vdso_clock_gettime");
  if (!clock) clock = pyleak_lookup("clock_gettime");
  __atomic_store_n(&pyleak_context_local.clock, (uint64_t)clock, __ATOMIC_RELEASE);
}

/* `run`: keeps the path of the arena before the program can overwrite its environment. glibc hands the environment to
 * constructors, musl does not, but has set `environ` by then. */
__attribute__((constructor)) static void remember_arena(int argc, char** argv, char** environment) {
  (void)argc;
  (void)argv;
  if (!&_r_debug) {
    char*** address = pyleak_lookup("environ");
    environment = address ? *address : 0;
  }
  const char* const variable = PYLEAK_ARENA_VARIABLE "=";
  for (; environment && *environment; ++environment) {
    const char* text = *environment;
    const char* expected = variable;
    while (*expected && *text == *expected) ++text, ++expected;
    if (*expected) continue;
    for (int i = 0; text[i] && i < PYLEAK_ARENA_PATH_BYTES - 1; ++i) pyleak_context_local.arena_path[i] = text[i];
    return;
  }
}
