# small.so: gcc -nostdlib -shared -s -Wl,-z,noseparate-code,-z,pack-relative-relocs,--hash-style=gnu,--build-id=none \
#     -Wl,-soname,libsmall.so.1 -o small.so small.s
# Exported: `number` takes a call's number from its caller, `own` makes getpid and asks `number` for getppid through
# its name, `pointed` makes umask and is pointed to by what `table` is; an initial function makes sched_yield.
    .globl number
    .type number, @function
number:
    .cfi_startproc
    mov %rdi, %rax
    syscall
    ret
    .cfi_endproc
    .size number, .-number
    .globl own
    .type own, @function
own:
    .cfi_startproc
    mov $39, %eax
    syscall
    lea table(%rip), %rax
    mov $110, %edi
    jmp number@PLT
    .cfi_endproc
    .size own, .-own
    .type pointed, @function
pointed:
    .cfi_startproc
    push $95
    .cfi_adjust_cfa_offset 8
    pop %rax
    .cfi_adjust_cfa_offset -8
    syscall
    ret
    .cfi_endproc
    .size pointed, .-pointed
    .type begin, @function
begin:
    .cfi_startproc
    mov $24, %eax
    syscall
    ret
    .cfi_endproc
    .size begin, .-begin
    .section .init_array, "aw"
    .quad begin
    .section .data.rel.ro, "aw"
    .p2align 3
table:
    .quad pointed
    .section .note.GNU-stack, "", @progbits
