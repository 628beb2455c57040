/* What the stubs and the C half of the agent share. Compiled for the target only. */
#ifndef PYLEAK_ATTACH_AGENT_AGENT_H_
#define PYLEAK_ATTACH_AGENT_AGENT_H_

#include "attach/agent/protocol.h"

extern struct PyleakContext pyleak_context_local;

/* Where the agent's own image begins: its ELF header (defined by the linker). */
extern const char pyleak_image_base[] __asm__("__ehdr_start") __attribute__((visibility("hidden")));

struct PyleakSlot* pyleak_enter(uint64_t subject, uint64_t stack_pointer, uint64_t return_address, uint32_t wait);
void pyleak_leave(struct PyleakSlot* slot);

/* Fills PyleakContext.real and .clock from the link map where they are not known yet (`run`). Any number of threads
 * may do so at once: they find the same. */
void pyleak_resolve(void);

#endif /* PYLEAK_ATTACH_AGENT_AGENT_H_ */
