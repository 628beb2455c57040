        .section .rodata
        .balign 4096
        .globl  pyleak_embedded_agent_begin
pyleak_embedded_agent_begin:
        .incbin PYLEAK_AGENT_FILE
        .globl  pyleak_embedded_agent_end
pyleak_embedded_agent_end:
        .section .note.GNU-stack, "", @progbits
