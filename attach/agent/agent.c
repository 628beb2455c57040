/* The agent: what pyleak places in the target. It notes when a thread enters a wait call and when it comes back, and
 * nothing else. No libc, no thread, no allocation, no lock, no thread-local storage; it sets no errno and uses no
 * vector register. Every loop is bounded. The same object file serves `run` (LD_PRELOAD) and `attach` (mapped by
 * pyleak); see protocol.h for what it writes and arch/ for the functions that the target calls. */

#include "attach/agent/agent.h"

#include <stddef.h>

#include "attach/agent/arch/x86_64.h"
#include "attach/agent/link_map.h"
#include "attach/agent/system_calls.h"

/* Two names: the dynamic one for pyleak, the hidden one so that our own code reaches it without a relocation. */
struct PyleakContext pyleak_context_local = {
    .magic = PYLEAK_MAGIC, .version = PYLEAK_PROTOCOL_VERSION, .memory_fd = -1};
extern struct PyleakContext pyleak_context __attribute__((alias("pyleak_context_local"), visibility("default")));

#define context pyleak_context_local

_Static_assert(offsetof(struct PyleakContext, real) == PYLEAK_CONTEXT_REAL, "the stubs read real[] there");
_Static_assert((PYLEAK_SLOT_COUNT & (PYLEAK_SLOT_COUNT - 1)) == 0, "slots are found by masking a hash");

/* Stands for a slot where there is none, so that the way out knows of the way in: the region that counts it, made odd.
 */
#define SLOTLESS 1u

/* How far from its hash a slot may lie; also the work that one wait call can cost at the most. */
#define LONGEST_PROBE 16

static struct PyleakArena* arena(void) { return (struct PyleakArena*)context.arena; }
static struct PyleakRegion* region(void) { return (struct PyleakRegion*)context.region; }
/* Both in the page that reads 0 in a forked child. */
static uint32_t* armed(void) { return (uint32_t*)context.armed; }
static uint32_t* refused(void) { return armed() + 1; }

static struct PyleakSlot* slots_of(struct PyleakRegion* of) { return (struct PyleakSlot*)((char*)of + PYLEAK_PAGE); }

static uint64_t now_ns(void) {
  struct {
    int64_t seconds;
    int64_t nanoseconds;
  } time;
  ((int (*)(int, void*))context.clock)(/*CLOCK_MONOTONIC*/ 1, &time);
  return (uint64_t)time.seconds * 1000000000u + (uint64_t)time.nanoseconds;
}

/* ---- becoming armed: once a process, on its first wait call ---- */

/* Without room now there may be some at the process's next wait: pyleak frees regions and adds to them. */
static int claim_region(void) {
  struct PyleakArena* of = arena();
  for (uint32_t i = 0; i < of->region_count; ++i) {
    struct PyleakRegion* candidate = (struct PyleakRegion*)((char*)of + PYLEAK_PAGE + i * of->region_bytes);
    uint32_t is_free = PYLEAK_REGION_FREE;
    if (!__atomic_compare_exchange_n(&candidate->state, &is_free, PYLEAK_REGION_CLAIMED, 0, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED)) {
      continue;
    }
    candidate->pid = (uint32_t)pyleak_getpid();
    candidate->agent_base = (uint64_t)pyleak_image_base;
    candidate->claimed_ns = now_ns();
    context.region = (uint64_t)candidate; /* first, for it is what the process is found by */
    __atomic_store_n(&candidate->state, PYLEAK_REGION_LIVE, __ATOMIC_RELEASE);
    if (*refused()) __atomic_sub_fetch(&of->dropped_processes, 1, __ATOMIC_RELAXED);
    return 1;
  }
  if (!*refused()) __atomic_add_fetch(&of->dropped_processes, 1, __ATOMIC_RELAXED);
  *refused() = 1;
  return 0;
}

/* `run`: a page that reads 0 in a forked child, which so knows that the heartbeat is its parent's and not its own. */
static int64_t map_armed_page(void) {
  const int64_t page = pyleak_map_private(PYLEAK_PAGE);
  if (pyleak_failed(page)) return page;
  const int64_t result = pyleak_wipe_on_fork((uint64_t)page, PYLEAK_PAGE);
  if (pyleak_failed(result)) {
    pyleak_unmap((uint64_t)page, PYLEAK_PAGE);
    return result;
  }
  context.armed = (uint64_t)page;
  return 0;
}

/* `run`: opens the arena that the environment named. The file is closed again at once. */
static int64_t map_arena_by_path(void) {
  const int64_t fd = pyleak_open_shared(context.arena_path);
  if (pyleak_failed(fd)) return fd;
  int64_t result = pyleak_map_shared((int)fd, PYLEAK_PAGE);
  if (!pyleak_failed(result)) {
    const struct PyleakArena header = *(const struct PyleakArena*)result;
    pyleak_unmap((uint64_t)result, PYLEAK_PAGE);
    const int known = header.magic == PYLEAK_MAGIC && header.version == PYLEAK_PROTOCOL_VERSION;
    result = known ? pyleak_map_shared((int)fd, header.arena_bytes) : -1;
    if (!pyleak_failed(result)) context.arena = (uint64_t)result;
  }
  pyleak_close((int)fd);
  return pyleak_failed(result) ? result : 0;
}

/* The first wait call of a process that was started by `run`. Another thread that comes meanwhile is not watched for
 * that one call. */
static int set_up(void) {
  static uint32_t begun;
  uint32_t no = 0;
  if (!__atomic_compare_exchange_n(&begun, &no, 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) return 0;
  if (pyleak_failed(map_arena_by_path()) || pyleak_failed(map_armed_page())) return 0;
  return 1;
}

/* True if the thread may go on to a slot. */
static int become_armed(void) {
  pyleak_resolve();
  if (!context.armed && (!context.arena_path[0] || !set_up())) return 0;
  if (!context.arena) return 0;
  uint32_t not_yet = PYLEAK_ARMED_NOT_YET;
  if (!__atomic_compare_exchange_n(armed(), &not_yet, PYLEAK_ARMED_SETTING_UP, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
    return 0;
  }
  const int wanted = context.region == 0 || arena()->follow_children;
  const int claimed = wanted && claim_region();
  const uint32_t unclaimed = wanted ? PYLEAK_ARMED_NOT_YET : PYLEAK_ARMED_OFF;
  __atomic_store_n(armed(), claimed ? PYLEAK_ARMED : unclaimed, __ATOMIC_RELEASE);
  return claimed;
}

/* ---- slots ---- */

static int is_epoll(uint32_t wait) { return wait <= PYLEAK_WAIT_EPOLL_PWAIT2; }

/* A call of poll or select from one place is the same wait again if it comes from about the same depth: an
 * interpreter gets to its C functions in several ways, which differ by some hundred bytes. From further down it is
 * another, as when a callback polls in its turn. */
#define SAME_DEPTH_BYTES 512

/* What a thread asks for when it waits. */
struct Place {
  uint64_t key;
  uint64_t stack_pointer;
  int32_t fd; /* of the epoll instance, or -1 */
};

/* An epoll instance is one loop wherever it is waited for; poll and select have no object, so the place of the call
 * stands for it. */
static uint64_t key_of(uint32_t wait, uint64_t subject, uint64_t return_address) {
  uint64_t key = pyleak_thread_pointer() * 0x9e3779b97f4a7c15u;
  key ^= is_epoll(wait) ? subject + 1 : return_address;
  key = (key ^ key >> 29) * 0xbf58476d1ce4e5b9u; /* SplitMix64's finisher: spreads every bit */
  key ^= key >> 32;
  return key ? key : 1;
}

static void begin_anew(struct PyleakSlot* slot, int32_t fd) {
  __atomic_store_n(&slot->sequence, 0, __ATOMIC_RELEASE);
  slot->thread_pointer = pyleak_thread_pointer();
  slot->tid = (uint32_t)pyleak_gettid();
  slot->fd = fd;
  __atomic_store_n(&slot->retired, 0, __ATOMIC_RELEASE);
}

/* What is in the ring stays: pyleak may not have read it yet. */
static void forget(struct PyleakSlot* slot) {
  slot->busy_ns = slot->waiting_ns = 0;
  for (int i = 0; i < PYLEAK_HISTOGRAM_BUCKETS; ++i) slot->histogram[i] = 0;
}

/* A slot that somebody else's wait may take: nobody is inside, and it is over, or it is this thread's own note of a
 * poll or select from another place (of which a program may have any number). */
static int may_be_taken(const struct PyleakSlot* slot) {
  const uint64_t sequence = __atomic_load_n(&slot->sequence, __ATOMIC_ACQUIRE);
  if (sequence != 0 && sequence % 2 == 0) return 0;
  if (__atomic_load_n(&slot->retired, __ATOMIC_ACQUIRE)) return 1;
  return !is_epoll(slot->wait) && slot->thread_pointer == pyleak_thread_pointer();
}

static int is_for(const struct PyleakSlot* slot, const struct Place* place) {
  if (place->fd >= 0) return 1;
  const uint64_t above = slot->stack_pointer - place->stack_pointer + SAME_DEPTH_BYTES;
  return slot->sequence == 0 || above <= 2 * SAME_DEPTH_BYTES;
}

static struct PyleakSlot* find_slot(const struct Place* place) {
  const uint64_t key = place->key;
  struct PyleakSlot* slots = slots_of(region());
  struct PyleakSlot* taken = 0;
  for (uint32_t i = 0; i < LONGEST_PROBE; ++i) {
    struct PyleakSlot* slot = &slots[(key + i) & (PYLEAK_SLOT_COUNT - 1)];
    uint64_t found = __atomic_load_n(&slot->key, __ATOMIC_ACQUIRE);
    if (found == key && is_for(slot, place)) {
      if (__atomic_load_n(&slot->retired, __ATOMIC_ACQUIRE)) begin_anew(slot, place->fd);
      return slot;
    }
    if (found == 0) {
      if (!__atomic_compare_exchange_n(&slot->key, &found, key, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) continue;
      begin_anew(slot, place->fd);
      return slot;
    }
    if (!taken && may_be_taken(slot)) taken = slot;
  }
  if (!taken) return 0;
  uint64_t old = __atomic_load_n(&taken->key, __ATOMIC_ACQUIRE);
  if (!__atomic_compare_exchange_n(&taken->key, &old, key, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) return 0;
  __atomic_store_n(&taken->sequence, 0, __ATOMIC_RELEASE);
  forget(taken);
  begin_anew(taken, place->fd);
  return taken;
}

/* Four buckets an octave: 0, 1, 2, 3 us, then 4, 5, 6, 7, then 8-9, 10-11, 12-13, 14-15, then 16-19 ... */
static uint32_t bucket_of(uint64_t duration_ns) {
  const uint64_t us = duration_ns / 1000;
  if (us < 4) return (uint32_t)us;
  const uint32_t octave = 63u - (uint32_t)__builtin_clzll(us);
  const uint32_t bucket = (octave - 1) * 4 + ((uint32_t)(us >> (octave - 2)) & 3);
  return bucket < PYLEAK_HISTOGRAM_BUCKETS ? bucket : PYLEAK_HISTOGRAM_BUCKETS - 1;
}

static void finish_iteration(struct PyleakSlot* slot, uint64_t sequence, uint64_t end_ns) {
  const uint64_t begin_ns = slot->busy_since_ns;
  const uint64_t duration_ns = end_ns > begin_ns ? end_ns - begin_ns : 0;
  slot->busy_ns += duration_ns;
  slot->histogram[bucket_of(duration_ns)]++;
  if (duration_ns < __atomic_load_n(&arena()->threshold_ns, __ATOMIC_RELAXED)) return;
  struct PyleakIteration* entry = &slot->ring[slot->long_iterations % PYLEAK_RING_LENGTH];
  entry->number = sequence / 2;
  entry->begin_ns = begin_ns;
  entry->end_ns = end_ns;
  __atomic_store_n(&slot->long_iterations, slot->long_iterations + 1, __ATOMIC_RELEASE);
}

static struct PyleakSlot* enter_without_slot(uint64_t key) {
  struct PyleakRegion* const in = region();
  const uint64_t bit = key % PYLEAK_DROPPED_BITS;
  const uint64_t mask = (uint64_t)1 << bit % 64;
  const uint64_t known = __atomic_fetch_or(&in->dropped_keys[bit / 64], mask, __ATOMIC_RELAXED);
  if (!(known & mask)) __atomic_add_fetch(&in->dropped_waits, 1, __ATOMIC_RELAXED);
  __atomic_add_fetch(&in->slotless_inside, 1, __ATOMIC_ACQ_REL);
  return (struct PyleakSlot*)((uint64_t)in | SLOTLESS);
}

/* A wait call begins. 0: it is none of our business, go straight through. */
struct PyleakSlot* pyleak_enter(uint64_t subject, uint64_t stack_pointer, uint64_t return_address, uint32_t wait) {
  if (!context.armed || __atomic_load_n(armed(), __ATOMIC_ACQUIRE) != PYLEAK_ARMED) {
    if (!become_armed()) return 0;
  }
  const int epoll = is_epoll(wait);
  if (!epoll && (uint32_t)subject == 0) return 0; /* poll and select of nothing: a sleep, not a wait for events */
  const struct Place place = {.key = key_of(wait, (uint32_t)subject, return_address),
                              .stack_pointer = stack_pointer,
                              .fd = epoll ? (int32_t)subject : -1};
  struct PyleakSlot* slot = find_slot(&place);
  if (!slot) return enter_without_slot(place.key);
  const uint64_t sequence = slot->sequence;
  /* In the wait already, and deeper now: a signal handler waits on the same object. Shallower: the earlier call was
   * left by a longjmp. */
  if (sequence != 0 && sequence % 2 == 0 && stack_pointer < slot->stack_pointer) {
    return enter_without_slot(place.key);
  }
  const uint64_t now = now_ns();
  if (sequence % 2 == 1) finish_iteration(slot, sequence, now);
  slot->stack_pointer = stack_pointer;
  slot->return_address = return_address;
  slot->wait = wait;
  slot->wait_since_ns = now;
  if (sequence == 0) slot->first_wait_ns = now;
  __atomic_store_n(&slot->sequence, (sequence | 1) + 1, __ATOMIC_RELEASE);
  return slot;
}

/* The wait call has returned. */
void pyleak_leave(struct PyleakSlot* slot) {
  if ((uint64_t)slot & SLOTLESS) {
    struct PyleakRegion* const in = (struct PyleakRegion*)((uint64_t)slot & ~(uint64_t)SLOTLESS);
    __atomic_sub_fetch(&in->slotless_inside, 1, __ATOMIC_ACQ_REL);
    return;
  }
  const uint64_t now = now_ns();
  slot->waiting_ns += now - slot->wait_since_ns;
  slot->busy_since_ns = now;
  __atomic_store_n(&slot->sequence, (slot->sequence + 1) | 1, __ATOMIC_RELEASE);
}

/* ---- a new epoll instance under a number that an old one had: what the slots of that number stood for is over ---- */

static int note_created(int fd) {
  if (fd < 0 || !context.armed || __atomic_load_n(armed(), __ATOMIC_ACQUIRE) != PYLEAK_ARMED) return fd;
  struct PyleakSlot* slots = slots_of(region());
  for (uint32_t i = 0; i < PYLEAK_SLOT_COUNT; ++i) {
    if (slots[i].key && slots[i].fd == fd && is_epoll(slots[i].wait)) {
      __atomic_store_n(&slots[i].retired, 1, __ATOMIC_RELEASE);
    }
  }
  return fd;
}

static int create_epoll(int function, int argument) {
  pyleak_resolve();
  struct PyleakRegion* const in = region();
  if (in) __atomic_add_fetch(&in->slotless_inside, 1, __ATOMIC_ACQ_REL);
  const int fd = note_created(((int (*)(int))context.real[function])(argument));
  if (in) __atomic_sub_fetch(&in->slotless_inside, 1, __ATOMIC_ACQ_REL);
  return fd;
}

__attribute__((visibility("default"))) int epoll_create(int size) {
  return create_epoll(PYLEAK_FUNCTION_EPOLL_CREATE, size);
}

__attribute__((visibility("default"))) int epoll_create1(int flags) {
  return create_epoll(PYLEAK_FUNCTION_EPOLL_CREATE1, flags);
}

/* ---- called by pyleak on a borrowed thread (attach) ---- */

/* How long a thread lingers for pyleak, which mostly answers within some 20 us. */
#define LONGEST_LINGER_NS 300000

/* The last thing that each of these does. pyleak waits for the result, stops the thread, and answers by taking the
 * result away. Until then the thread stays here for a little: a stop here disturbs nobody, while one in a wait that it
 * had gone home to would have to be repaired. It yields, for pyleak may want this very processor. */
static void finish(int64_t result) {
  const uint64_t end = now_ns() + LONGEST_LINGER_NS;
  __atomic_store_n(&context.result, result, __ATOMIC_RELEASE);
  while (__atomic_load_n(&context.result, __ATOMIC_ACQUIRE) == result && now_ns() < end) pyleak_yield();
}

/* pyleak gives the file its size and its pages, so that neither the process's RLIMIT_FSIZE (SIGXFSZ would kill it) nor
 * its memory cgroup has to allow for them. */
static int64_t begin(void) {
  const int64_t result = pyleak_wipe_on_fork(context.armed, PYLEAK_PAGE);
  if (pyleak_failed(result)) return result;
  const int64_t fd = pyleak_create_memory("pyleak");
  if (pyleak_failed(fd)) return fd;
  context.memory_fd = (int32_t)fd;
  return 0;
}

__attribute__((visibility("default"))) void pyleak_begin(void) { finish(begin()); }

/* Writes one import slot if it still holds what is expected; other threads may call through it at the same moment. */
static int64_t write_import_slot(const struct PyleakPatch* patch, uint64_t expected, uint64_t value) {
  const uint64_t page = patch->slot & ~(uint64_t)(PYLEAK_PAGE - 1);
  const int read_only = !pyleak_is_writable(patch->protection);
  if (read_only) {
    const int64_t result = pyleak_protect(page, PYLEAK_PAGE, pyleak_writable(patch->protection));
    if (pyleak_failed(result)) return result;
  }
  __atomic_compare_exchange_n((uint64_t*)patch->slot, &expected, value, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
  return read_only ? pyleak_protect(page, PYLEAK_PAGE, patch->protection) : 0;
}

static uint32_t patch_count(void) {
  return context.patch_count < PYLEAK_MAX_PATCHES ? context.patch_count : PYLEAK_MAX_PATCHES;
}

/* The arena, once pyleak has made it in the file. */
static int64_t map_arena(void) {
  const int64_t address = pyleak_map_shared_at(context.arena_at, context.memory_fd, context.arena_bytes);
  pyleak_close(context.memory_fd);
  context.memory_fd = -1;
  if (pyleak_failed(address)) return address;
  *refused() = 0;
  context.arena = (uint64_t)address;
  return 0;
}

/* Also for modules that were loaded since: what has been applied stays as it is. */
static int64_t install(void) {
  int64_t result = context.memory_fd >= 0 ? map_arena() : 0;
  if (pyleak_failed(result)) return result;
  /* In an agent that an earlier watch has left a thread may be about to do the same. */
  uint32_t off = PYLEAK_ARMED_OFF;
  __atomic_compare_exchange_n(armed(), &off, PYLEAK_ARMED_NOT_YET, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
  become_armed();
  for (uint32_t i = 0; i < patch_count(); ++i) {
    struct PyleakPatch* patch = &context.patches[i];
    if (patch->applied) continue;
    const int64_t written = write_import_slot(patch, patch->original, patch->replacement);
    if (pyleak_failed(written)) {
      result = written;
    } else {
      patch->applied = 1;
    }
  }
  return result;
}

__attribute__((visibility("default"))) void pyleak_install(void) { finish(install()); }

static int64_t put_back(void) {
  __atomic_store_n(armed(), PYLEAK_ARMED_OFF, __ATOMIC_RELEASE);
  int64_t result = 0;
  for (uint32_t i = 0; i < patch_count(); ++i) {
    struct PyleakPatch* patch = &context.patches[i];
    if (!patch->applied) continue;
    const int64_t written = write_import_slot(patch, patch->replacement, patch->original);
    if (pyleak_failed(written)) {
      result = written;
    } else {
      patch->applied = 0;
    }
  }
  return result;
}

__attribute__((visibility("default"))) void pyleak_remove(void) { finish(put_back()); }
