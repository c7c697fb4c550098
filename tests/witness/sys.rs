//! Ways into the kernel, nothing else.

use core::arch::{asm, global_asm};

/// Makes a call by the `syscall` instruction. The number is passed as it is: x32 and odd ones too.
pub fn call(number: i64, arguments: [u64; 6]) -> i64 {
    let result;
    // SAFETY: the caller passes only pointers to live memory, to calls that keep to it.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") arguments[0],
            in("rsi") arguments[1],
            in("rdx") arguments[2],
            in("r10") arguments[3],
            in("r8") arguments[4],
            in("r9") arguments[5],
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    result
}

/// Makes the call with no arguments that matter, so many times.
pub fn repeat(number: i64, times: u32) {
    for _ in 0..times {
        call(number, [0; 6]);
    }
}

/// Makes an i386 call from this 64-bit program, by `int 0x80`.
pub fn call32(number: u32, arguments: [u32; 3]) -> i32 {
    let result;
    // SAFETY: as above. `rbx` is the compiler's own, so it is put back.
    unsafe {
        asm!(
            "xchg {first:r}, rbx",
            "int 0x80",
            "xchg {first:r}, rbx",
            first = inlateout(reg) u64::from(arguments[0]) => _,
            inlateout("eax") number => result,
            in("ecx") arguments[1],
            in("edx") arguments[2],
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    result
}

global_asm!(
    ".globl witness_thread",
    "witness_thread:",
    // rdi: clone flags, rsi: top of the new stack, rdx: what the thread runs.
    "mov r12, rdx",
    "xor edx, edx",
    "xor r10d, r10d",
    "xor r8d, r8d",
    "mov eax, 56",
    "syscall",
    "test rax, rax",
    "jnz 2f",
    "xor ebp, ebp",
    "call r12",
    "ud2",
    "2: ret",
);

unsafe extern "sysv64" {
    /// `clone` into a function on a stack of its own.
    fn witness_thread(flags: u64, stack_top: *mut u8, run: extern "sysv64" fn() -> !) -> i64;
}

/// Starts a thread; gives its id.
pub fn thread(flags: u64, stack_top: *mut u8, run: extern "sysv64" fn() -> !) -> u64 {
    let id;
    // SAFETY: each caller passes a stack that nobody else uses. `r12` is the callee's to keep, but the
    // assembly changes it, so say so by going through a clobber.
    unsafe {
        asm!(
            "call {clone}",
            clone = sym witness_thread,
            in("rdi") flags,
            in("rsi") stack_top,
            in("rdx") run as usize,
            out("r12") _,
            lateout("rax") id,
            clobber_abi("sysv64"),
        );
    }
    id
}

/// Ends the calling thread.
pub fn exit(code: u64) -> ! {
    call(60, [code, 0, 0, 0, 0, 0]);
    loop {}
}

/// Ends the process.
pub fn exit_group(code: u64) -> ! {
    call(231, [code, 0, 0, 0, 0, 0]);
    loop {}
}

/// `fork`, the old call: 0 in the child.
pub fn fork() -> i64 {
    call(57, [0; 6])
}

/// Waits for any child.
pub fn wait() {
    call(61, [u64::MAX, 0, 0, 0, 0, 0]);
}

/// Sleeps.
pub fn sleep_ms(milliseconds: u64) {
    let time = [milliseconds / 1000, milliseconds % 1000 * 1_000_000];
    call(35, [time.as_ptr() as u64, 0, 0, 0, 0, 0]);
}

global_asm!(
    ".globl witness_vfork",
    // The child shares the stack, so it must not return.
    "witness_vfork:",
    "mov eax, 58",
    "syscall",
    "test rax, rax",
    "jz 2f",
    "ret",
    "2: xor edi, edi",
    "mov eax, 231",
    "syscall",
    "ud2",
    ".globl witness_restore",
    "witness_restore:",
    "mov eax, 15",
    "syscall",
    "ud2",
    ".globl witness_handler",
    "witness_handler:",
    "ret",
);

unsafe extern "sysv64" {
    fn witness_vfork() -> i64;
    fn witness_restore();
    fn witness_handler();
}

/// `vfork`, with a child that ends at once.
pub fn vfork() {
    // SAFETY: the assembly keeps to the calling convention.
    unsafe { witness_vfork() };
}

/// `clone3` as a plain fork: 0 in the child.
pub fn clone3() -> i64 {
    const SIGCHLD: u64 = 17;
    let mut arguments = [0_u64; 8];
    arguments[4] = SIGCHLD;
    call(435, [arguments.as_ptr() as u64, 64, 0, 0, 0, 0])
}

/// Installs a handler that returns at once, by `rt_sigreturn`.
pub fn handle(signal: u64) {
    const SA_RESTORER: u64 = 0x0400_0000;
    let action = [
        witness_handler as *const () as u64,
        SA_RESTORER,
        witness_restore as *const () as u64,
        0,
    ];
    call(13, [signal, action.as_ptr() as u64, 0, 8, 0, 0]);
}
