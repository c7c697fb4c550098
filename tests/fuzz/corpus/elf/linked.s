# linked.so: gcc -nostdlib -shared -s -Wl,-z,noseparate-code,--hash-style=gnu,--build-id=none,--enable-new-dtags \
#     '-Wl,-rpath,$ORIGIN/../own' -o linked.so linked.s libsmall.so.1    (libsmall.so.1 is small.so)
# Asks `number` of the library that it is linked to for uname.
    .globl ask
    .type ask, @function
ask:
    .cfi_startproc
    mov $63, %edi
    jmp number@PLT
    .cfi_endproc
    .size ask, .-ask
    .section .note.GNU-stack, "", @progbits
