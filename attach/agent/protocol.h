/* The heartbeat: what the agent in the target writes and pyleak reads. Included by both sides, in C and in C++.
 *
 *   arena   one shared memory object a watch: an ArenaHeader, then `region_count` regions
 *   region  one process of the watch: a RegionHeader, then `slot_count` slots
 *   slot    one wait of one thread: its state, its totals, its finished long iterations
 *
 * Each slot is written by the thread that owns it and by nobody else, except where a field says otherwise. pyleak
 * trusts nothing in here: the target may have overwritten it. All times are CLOCK_MONOTONIC in nanoseconds, as the
 * target's own time namespace shows it. */
#ifndef PYLEAK_ATTACH_AGENT_PROTOCOL_H_
#define PYLEAK_ATTACH_AGENT_PROTOCOL_H_

/* What a thread waits in. A program that reaches a wait through syscall(2) counts as the call that it makes. */
#define PYLEAK_WAIT_EPOLL_WAIT 1
#define PYLEAK_WAIT_EPOLL_PWAIT 2
#define PYLEAK_WAIT_EPOLL_PWAIT2 3
#define PYLEAK_WAIT_POLL 4
#define PYLEAK_WAIT_PPOLL 5
#define PYLEAK_WAIT_SELECT 6
#define PYLEAK_WAIT_PSELECT 7

/* Every function that the agent wraps has the name of the one it stands for, but for the last two; the order here is that of `real`. */
#define PYLEAK_FUNCTION_EPOLL_WAIT 0
#define PYLEAK_FUNCTION_EPOLL_PWAIT 1
#define PYLEAK_FUNCTION_EPOLL_PWAIT2 2
#define PYLEAK_FUNCTION_POLL 3
#define PYLEAK_FUNCTION_POLL_CHK 4
#define PYLEAK_FUNCTION_PPOLL 5
#define PYLEAK_FUNCTION_PPOLL_CHK 6
#define PYLEAK_FUNCTION_SELECT 7
#define PYLEAK_FUNCTION_PSELECT 8
#define PYLEAK_FUNCTION_SYSCALL 9
#define PYLEAK_FUNCTION_EPOLL_CREATE 10
#define PYLEAK_FUNCTION_EPOLL_CREATE1 11
/* Only attach redirects these two, to the agent's functions of that name with "pyleak_" before it: through them an
 * unwinder finds the unwind tables of modules, and so those of an agent that the dynamic linker does not know. */
#define PYLEAK_FUNCTION_FIND_OBJECT 12
#define PYLEAK_FUNCTION_ITERATE_PHDR 13
#define PYLEAK_FUNCTION_COUNT 14

/* Offset of PyleakContext.real, for the stubs. */
#define PYLEAK_CONTEXT_REAL 16

#ifndef __ASSEMBLER__

#include <stdint.h>

#ifdef __cplusplus
#define PYLEAK_ALIGNED alignas(PYLEAK_CACHE_LINE)
#else
#define PYLEAK_ALIGNED _Alignas(PYLEAK_CACHE_LINE)
#endif

#define PYLEAK_MAGIC 0x4b41454c5950ULL /* "PYLEAK" */
/* Raised whenever the layout or the meaning of anything in this file changes: pyleak talks to no other version. */
#define PYLEAK_PROTOCOL_VERSION 4

#define PYLEAK_CACHE_LINE 64
#define PYLEAK_PAGE 4096

/* Where `run` tells the agent of a child process which arena is its own. */
#define PYLEAK_ARENA_VARIABLE "PYLEAK_ARENA"
#define PYLEAK_ARENA_PATH_BYTES 128

/* An iteration that lasted at least the threshold, from the return of the wait call to its next entry. */
struct PyleakIteration {
  uint64_t number;
  uint64_t begin_ns;
  uint64_t end_ns;
};

/* Finished long iterations that pyleak has not read yet are lost when more than this come at once; a reader tells by
 * `long_iterations`. pyleak looks at least once in half as many thresholds. */
#define PYLEAK_RING_LENGTH 64
/* Lengths of iterations: four buckets an octave of microseconds, up to 2^32 us = 71 minutes (see BucketOf in agent.c).
 */
#define PYLEAK_HISTOGRAM_BUCKETS 128

struct PyleakSlot {
  /* Odd: busy, in iteration sequence / 2. Even and not 0: inside the wait call. Stored last at each transition, so
   * that a reader who finds the same odd (even) number before and after has read the busy_since_ns (wait_since_ns)
   * that belongs to it. */
  PYLEAK_ALIGNED uint64_t sequence;
  uint64_t busy_since_ns;
  uint64_t wait_since_ns;
  /* Of the wait call: where its return address lies, and that address. */
  uint64_t stack_pointer;
  uint64_t return_address;
  uint64_t long_iterations; /* ever written to the ring, by whatever the slot has stood for */
  uint64_t busy_ns;         /* of all finished iterations */
  uint64_t waiting_ns;

  /* 0: the slot is free. */
  PYLEAK_ALIGNED uint64_t key;
  uint64_t thread_pointer;
  uint64_t first_wait_ns; /* when it was entered for the first time as what it stands for */
  uint32_t tid;           /* as the target's pid namespace numbers it */
  uint32_t wait;          /* PYLEAK_WAIT_*, of the latest call */
  int32_t fd;             /* of the epoll instance; -1 for poll and select */
  /* Set by anybody (a new epoll instance under an old number; pyleak, when the thread is gone): what the slot stood
   * for is over. The owner's next entry begins anew, without an iteration in between; or another thread takes it. */
  uint32_t retired;

  PYLEAK_ALIGNED uint32_t histogram[PYLEAK_HISTOGRAM_BUCKETS];
  struct PyleakIteration ring[PYLEAK_RING_LENGTH]; /* number n is at (n-th written) % PYLEAK_RING_LENGTH */
};

/* Waits without a slot are told apart by a bit each. */
#define PYLEAK_DROPPED_BITS 4096

enum PyleakRegionState { PYLEAK_REGION_FREE = 0, PYLEAK_REGION_CLAIMED = 1, PYLEAK_REGION_LIVE = 2 };

struct PyleakRegion {
  PYLEAK_ALIGNED uint32_t state; /* claimed by the agent, freed by pyleak once the process is gone */
  uint32_t pid;                  /* as the target's pid namespace numbers it */
  uint64_t agent_base;
  uint64_t dropped_waits;   /* waits that have found no slot: each once, told by their keys, as far as bits go */
  uint64_t slotless_inside; /* threads inside the agent without a slot that says so */
  uint64_t claimed_ns;
  uint64_t dropped_keys[PYLEAK_DROPPED_BITS / 64];
};

/* The pyleak that watches, or is about to. */
struct PyleakOwner {
  uint32_t pid; /* 0: nobody */
  uint32_t reserved;
  uint64_t start_ticks;   /* of that process */
  uint64_t pid_namespace; /* that both are numbered in: the inode of /proc/PID/ns/pid */
  uint64_t since;         /* seconds of CLOCK_REALTIME */
};

struct PyleakArena {
  PYLEAK_ALIGNED uint64_t magic;
  uint32_t version;
  uint32_t region_count;
  uint64_t region_bytes;
  uint64_t arena_bytes;
  uint32_t slot_count;
  uint32_t follow_children; /* 0: a forked child goes straight through */
  uint64_t threshold_ns;    /* written by pyleak; iterations of at least this go to the ring */
  uint64_t dropped_processes; /* have waited and found no free region so far */
  struct PyleakOwner owner;   /* attach */
  uint32_t life_sign;         /* of the owner (attach/memory/life_sign.h) */
  uint32_t reserved;
};

#define PYLEAK_SLOT_COUNT 256
/* Regions and the header begin on pages of their own, so that memory is used only as it is written. */
#define PYLEAK_REGION_BYTES \
  ((PYLEAK_PAGE + PYLEAK_SLOT_COUNT * sizeof(struct PyleakSlot) + PYLEAK_PAGE - 1) / PYLEAK_PAGE * PYLEAK_PAGE)
#define PYLEAK_ARENA_BYTES(regions) (PYLEAK_PAGE + (regions)*PYLEAK_REGION_BYTES)

/* The import slots that attach redirects. */
struct PyleakPatch {
  uint64_t slot;        /* address of the import slot in the target */
  uint64_t original;    /* what it held, and will hold again */
  uint64_t replacement; /* the agent's function */
  uint32_t protection;  /* PROT_* of its page, put back after each write */
  uint32_t applied;     /* written by the agent: 1 while the slot holds the replacement */
  uint32_t only_called; /* 0: the program may have copied the address out of it: PyleakContext.address_taken */
  uint32_t for_unwinding; /* the replacement tells an unwinder of the agent, as long as threads may be inside */
};
#define PYLEAK_MAX_PATCHES 512

/* What pyleak puts into PyleakContext.result before a call of the agent, which stores its own last of all, and again
 * when it has taken that. */
#define PYLEAK_RESULT_PENDING INT64_MIN

#define PYLEAK_FUNCTION_NAMES                                                                                     \
  "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "__poll_chk", "ppoll", "__ppoll_chk", "select", "pselect", \
      "syscall", "epoll_create", "epoll_create1", "_dl_find_object", "dl_iterate_phdr"

/* Values of the word at PyleakContext.armed, in a page that reads 0 in a forked child (MADV_WIPEONFORK). */
enum PyleakArmed { PYLEAK_ARMED_NOT_YET = 0, PYLEAK_ARMED = 1, PYLEAK_ARMED_SETTING_UP = 2, PYLEAK_ARMED_OFF = 3 };

/* The agent's own memory, private to the process: the symbol `pyleak_context` of the agent. On attach pyleak fills it
 * before the first function of the agent runs, and never while one of them does. Pointers are the target's. */
struct PyleakContext {
  uint64_t magic;
  uint32_t version;
  uint32_t patch_count;
  uint64_t real[PYLEAK_FUNCTION_COUNT]; /* at PYLEAK_CONTEXT_REAL */
  uint64_t clock;                       /* int clock_gettime(clockid_t, struct timespec*), the vDSO's if it has one */
  uint64_t arena;
  uint64_t region;
  uint64_t armed;                           /* attach: the page behind the image */
  uint64_t arena_at;                        /* attach: where pyleak_install maps the arena */
  uint64_t arena_bytes;                     /* attach: how much pyleak_install maps */
  int32_t memory_fd;                        /* attach: of the arena, from pyleak_begin to pyleak_install */
  uint32_t address_taken;                   /* attach: the program may call a function of ours at any time, for ever */
  struct PyleakOwner owner;                 /* attach */
  int64_t result;                           /* of pyleak_begin, pyleak_install, pyleak_remove: 0, or a negative errno */
  char arena_path[PYLEAK_ARENA_PATH_BYTES]; /* run: from PYLEAK_ARENA_VARIABLE; empty: nothing to do */
  struct PyleakPatch patches[PYLEAK_MAX_PATCHES];
};
#endif /* __ASSEMBLER__ */

#endif /* PYLEAK_ATTACH_AGENT_PROTOCOL_H_ */
