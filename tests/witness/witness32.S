# A 32-bit program that makes exactly these calls: getppid 3 times, getuid32 2 times, exit_group(0).
    .globl _start
_start:
    movl $3, %esi
1:  movl $64, %eax          # getppid
    int $0x80
    decl %esi
    jnz 1b
    movl $2, %esi
2:  movl $199, %eax         # getuid32
    int $0x80
    decl %esi
    jnz 2b
    movl $252, %eax         # exit_group
    xorl %ebx, %ebx
    int $0x80
    hlt
    .section .note.GNU-stack,"",@progbits
