/* What an unwinder in the target is told of the agent's own code, which no dynamic linker has registered when attach
 * has placed it: so that an exception, or the cancellation of a thread, gets through a wait call to the frames above.
 */

#include <elf.h>
#include <stddef.h>

#include "attach/agent/agent.h"

/* struct dl_find_object of glibc's <dlfcn.h>. */
struct FoundObject {
  uint64_t flags;
  const void* begin;
  const void* end;
  void* link_map;
  const void* unwind_table; /* PT_GNU_EH_FRAME */
  uint64_t reserved[7];
};

/* struct dl_phdr_info of <link.h>, which glibc and musl agree on. */
struct ModuleInfo {
  uint64_t bias;
  const char* name;
  const Elf64_Phdr* segments;
  uint16_t segment_count;
  uint64_t loaded;
  uint64_t unloaded;
  uint64_t thread_storage_id;
  void* thread_storage;
};

typedef int Callback(struct ModuleInfo* info, size_t size, void* data);

/* At the end of the stubs, which are linked last. */
extern const char pyleak_text_end[] __attribute__((visibility("hidden")));

static const Elf64_Ehdr* header(void) { return (const Elf64_Ehdr*)pyleak_image_base; }

static const Elf64_Phdr* segments(void) { return (const Elf64_Phdr*)(pyleak_image_base + header()->e_phoff); }

/* -1: there is none, as glibc says it. */
__attribute__((visibility("hidden"))) int pyleak_find_own_object(const void* address, struct FoundObject* found) {
  (void)address;
  for (uint16_t i = 0; i < header()->e_phnum; ++i) {
    const Elf64_Phdr* segment = &segments()[i];
    if (segment->p_type != PT_GNU_EH_FRAME) continue;
    *found = (struct FoundObject){
        .begin = pyleak_image_base, .end = pyleak_text_end, .unwind_table = pyleak_image_base + segment->p_vaddr};
    return 0;
  }
  return -1;
}

/* The agent comes last, as the module that was loaded last. */
__attribute__((visibility("default"))) int pyleak_dl_iterate_phdr(Callback* callback, void* data) {
  struct PyleakRegion* const region = (struct PyleakRegion*)pyleak_context_local.region;
  if (region) __atomic_add_fetch(&region->slotless_inside, 1, __ATOMIC_ACQ_REL);
  int (*const real)(Callback*, void*) =
      (int (*)(Callback*, void*))pyleak_context_local.real[PYLEAK_FUNCTION_ITERATE_PHDR];
  int result = real(callback, data);
  if (result == 0) {
    struct ModuleInfo own = {.bias = (uint64_t)pyleak_image_base,
                             .name = "[pyleak-agent]",
                             .segments = segments(),
                             .segment_count = header()->e_phnum};
    /* Without the counts of loaded and unloaded modules: by them libgcc would remember what it was told. */
    result = callback(&own, offsetof(struct ModuleInfo, loaded), data);
  }
  if (region) __atomic_sub_fetch(&region->slotless_inside, 1, __ATOMIC_ACQ_REL);
  return result;
}
