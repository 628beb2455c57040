/* Finds functions through the dynamic linker's list of modules, so that the agent itself imports nothing. */
#ifndef PYLEAK_ATTACH_AGENT_LINK_MAP_H_
#define PYLEAK_ATTACH_AGENT_LINK_MAP_H_

/* The first definition of `name` in the order of the link map, our own left out, as the dynamic linker would bind it
 * for a program without us. 0: none. */
void* pyleak_lookup(const char* name);

#endif /* PYLEAK_ATTACH_AGENT_LINK_MAP_H_ */
