/* The functions that the target calls in place of its wait calls (x86-64 psABI).
 *
 * While a thread waits, its stack holds, from the caller's side down:
 *
 *     return address into the caller      <- PyleakSlot.stack_pointer
 *     the caller's rbx
 *     [syscall only: 8 bytes of padding, the seventh argument]
 *     return address into the stub        (pyleak_return_*)
 *     the real function's frame
 *
 * Nothing else lies in between, so that pyleak can lead a thread out of a wait that may last for ever: it replaces the
 * return address into the stub by that of any `pop rbx; ret` (for syscall: `add rsp,16; pop rbx; ret`) of libc, and
 * the thread goes back to its caller without the agent. No stub touches a vector register, the FPU or errno. */

#include "attach/agent/protocol.h"

/* The function that a stub stands for. */
#define real(function) (pyleak_context_local + PYLEAK_CONTEXT_REAL + 8 * function)(%rip)

        .text

        /* Saves the six argument registers around a call; rbx is saved before, so the stack stays aligned to 16. */
        .macro push_arguments
        push    %rdi
        .cfi_adjust_cfa_offset 8
        push    %rsi
        .cfi_adjust_cfa_offset 8
        push    %rdx
        .cfi_adjust_cfa_offset 8
        push    %rcx
        .cfi_adjust_cfa_offset 8
        push    %r8
        .cfi_adjust_cfa_offset 8
        push    %r9
        .cfi_adjust_cfa_offset 8
        .endm

        .macro pop_arguments
        pop     %r9
        .cfi_adjust_cfa_offset -8
        pop     %r8
        .cfi_adjust_cfa_offset -8
        pop     %rcx
        .cfi_adjust_cfa_offset -8
        pop     %rdx
        .cfi_adjust_cfa_offset -8
        pop     %rsi
        .cfi_adjust_cfa_offset -8
        pop     %rdi
        .cfi_adjust_cfa_offset -8
        .endm

        .macro enter_function name
        .globl  \name
        .type   \name, @function
\name:
        .cfi_startproc
        push    %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        .endm

        /* slot = pyleak_enter(subject, &return address, return address, wait); the subject is in \subject already.
         * 56 bytes lie above the return address: rbx and six arguments. */
        .macro call_enter subject
        mov     \subject, %rdi
        lea     56(%rsp), %rsi
        mov     56(%rsp), %rdx
        call    pyleak_enter
        .endm

        /* Tells the slot in rbx that the wait has returned, and keeps what it returned. */
        .macro leave_slot
        push    %rax
        .cfi_adjust_cfa_offset 8
        push    %rdx
        .cfi_adjust_cfa_offset 8
        mov     %rbx, %rdi
        call    pyleak_leave
        pop     %rdx
        .cfi_adjust_cfa_offset -8
        pop     %rax
        .cfi_adjust_cfa_offset -8
        .endm

        /* Not watched: as if the caller had called the real function itself. */
        .macro pass_through function
        pop     %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        jmp     *real(\function)
        .endm

        .macro wait_stub name, function, wait, subject
        enter_function \name
        push_arguments
        mov     $\wait, %ecx
        call_enter \subject
        mov     %rax, %rbx
        pop_arguments
        test    %rbx, %rbx
        jz      1f
        call    *real(\function)
        .globl  pyleak_return_\name
pyleak_return_\name:
        leave_slot
        pop     %rbx
        .cfi_remember_state
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        ret
1:      .cfi_restore_state
        pass_through \function
        .cfi_endproc
        .size   \name, . - \name
        .endm

        wait_stub epoll_wait,   PYLEAK_FUNCTION_EPOLL_WAIT,   PYLEAK_WAIT_EPOLL_WAIT,   %rdi
        wait_stub epoll_pwait,  PYLEAK_FUNCTION_EPOLL_PWAIT,  PYLEAK_WAIT_EPOLL_PWAIT,  %rdi
        wait_stub epoll_pwait2, PYLEAK_FUNCTION_EPOLL_PWAIT2, PYLEAK_WAIT_EPOLL_PWAIT2, %rdi
        /* poll and select: the subject is the number of descriptors. */
        wait_stub poll,         PYLEAK_FUNCTION_POLL,         PYLEAK_WAIT_POLL,         %rsi
        wait_stub __poll_chk,   PYLEAK_FUNCTION_POLL_CHK,     PYLEAK_WAIT_POLL,         %rsi
        wait_stub ppoll,        PYLEAK_FUNCTION_PPOLL,        PYLEAK_WAIT_PPOLL,        %rsi
        wait_stub __ppoll_chk,  PYLEAK_FUNCTION_PPOLL_CHK,    PYLEAK_WAIT_PPOLL,        %rsi
        wait_stub select,       PYLEAK_FUNCTION_SELECT,       PYLEAK_WAIT_SELECT,       %rdi
        wait_stub pselect,      PYLEAK_FUNCTION_PSELECT,      PYLEAK_WAIT_PSELECT,      %rdi

        /* long syscall(long number, ...): six arguments more, the last of them on the stack. Any number but a wait's
         * goes on at once. Numbers: arch/x86/entry/syscalls/syscall_64.tbl. */
        .macro wait_number number, wait, subject
        cmp     $\number, %rdi
        jne     2f
        push_arguments
        mov     $\wait, %ecx
        call_enter \subject
        jmp     3f
        .cfi_adjust_cfa_offset -48      /* the next test comes before the pushes again */
2:
        .endm

        enter_function syscall
        cmpq    $0, real(PYLEAK_FUNCTION_SYSCALL)
        jne     1f
        push_arguments
        call    pyleak_resolve
        pop_arguments
1:
        wait_number 232, PYLEAK_WAIT_EPOLL_WAIT, %rsi
        wait_number 281, PYLEAK_WAIT_EPOLL_PWAIT, %rsi
        wait_number 441, PYLEAK_WAIT_EPOLL_PWAIT2, %rsi
        wait_number 7, PYLEAK_WAIT_POLL, %rdx
        wait_number 271, PYLEAK_WAIT_PPOLL, %rdx
        wait_number 23, PYLEAK_WAIT_SELECT, %rsi
        wait_number 270, PYLEAK_WAIT_PSELECT, %rsi
        .cfi_remember_state
        pass_through PYLEAK_FUNCTION_SYSCALL
        .cfi_restore_state
        .cfi_adjust_cfa_offset 48
3:      mov     %rax, %rbx
        pop_arguments
        test    %rbx, %rbx
        jz      4f
        .cfi_remember_state
        sub     $8, %rsp
        .cfi_adjust_cfa_offset 8
        push    24(%rsp)                /* the seventh argument: above it padding, rbx and the return address */
        .cfi_adjust_cfa_offset 8
        call    *real(PYLEAK_FUNCTION_SYSCALL)
        .globl  pyleak_return_syscall
pyleak_return_syscall:
        leave_slot
        add     $16, %rsp
        .cfi_adjust_cfa_offset -16
        pop     %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        ret
4:      .cfi_restore_state
        pass_through PYLEAK_FUNCTION_SYSCALL
        .cfi_endproc
        .size   syscall, . - syscall

        /* int _dl_find_object(void* address, struct dl_find_object* result), of glibc since 2.35: for an address in the
         * agent ours, else the real one, as if the caller had called that itself. */
        .globl  pyleak__dl_find_object
        .type   pyleak__dl_find_object, @function
pyleak__dl_find_object:
        .cfi_startproc
        lea     __ehdr_start(%rip), %rax
        cmp     %rax, %rdi
        jb      1f
        lea     pyleak_text_end(%rip), %rax
        cmp     %rax, %rdi
        jb      pyleak_find_own_object
1:      jmp     *real(PYLEAK_FUNCTION_FIND_OBJECT)
        .cfi_endproc
        .size   pyleak__dl_find_object, . - pyleak__dl_find_object

        .globl  pyleak_text_end
        .hidden pyleak_text_end
pyleak_text_end:

        .section .note.GNU-stack, "", @progbits
