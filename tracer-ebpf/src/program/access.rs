//! How registers and the task are read: through typed pointers, or by copying.

use aya_ebpf::helpers::bpf_probe_read_kernel;
use aya_ebpf::helpers::generated::{
    bpf_get_current_task, bpf_get_current_task_btf, bpf_task_pt_regs,
};
use core::ffi::c_void;
use core::mem::offset_of;

/// `struct pt_regs` of x86_64, up to the number of the call.
/// <https://github.com/torvalds/linux/blob/v6.12/arch/x86/include/uapi/asm/ptrace.h#L44>
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Registers {
    r15_to_r12: [u64; 4],
    bp: u64,
    bx: u64,
    r11: u64,
    r10: u64,
    r9: u64,
    r8: u64,
    ax: u64,
    cx: u64,
    dx: u64,
    si: u64,
    di: u64,
    orig_ax: u64,
}

/// Where the number of the call is.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the structure is smaller than that"
)]
const ORIG_AX: u32 = offset_of!(Registers, orig_ax) as u32;

/// Where its result is.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the structure is smaller than that"
)]
const AX: u32 = offset_of!(Registers, ax) as u32;

/// A way to read what the hook was given.
pub(crate) trait Access {
    /// Whether structures can be followed by plain loads, which cost less than a helper.
    const LOADS: bool;

    /// A pointer to the current task.
    fn task() -> *const c_void;

    /// A 32-bit member of the current task.
    fn task_u32(task: *const c_void, offset: u32) -> Option<u32>;

    /// Writes the six arguments, in the order of the ABI. i386 passes 32 bits in other registers. Says whether
    /// they could be read. Not a value, because kernels before 6.4 refuse to copy one that is not always there.
    fn arguments(registers: *const c_void, compat: bool, into: *mut [u64; 6]) -> bool;

    /// The number of the call, as the task gave it.
    fn number(registers: *const c_void) -> Option<i64>;

    /// What the call returns.
    fn result(registers: *const c_void) -> Option<i64>;
}

/// Loads through a typed pointer.
#[inline(always)]
pub(crate) fn load<T>(base: *const c_void, offset: u32) -> T {
    let place: *const T = base.wrapping_byte_add(offset as usize).cast();
    // SAFETY: the verifier checks that the offset is a member of that size; a fault reads as zero.
    unsafe { place.read_volatile() }
}

/// Through pointers that the verifier knows the type of: plain loads.
pub(crate) struct Typed;

impl Access for Typed {
    const LOADS: bool = true;

    #[inline(always)]
    fn task() -> *const c_void {
        // SAFETY: the helper has no preconditions.
        unsafe { bpf_get_current_task_btf() }.cast()
    }

    #[inline(always)]
    fn task_u32(task: *const c_void, offset: u32) -> Option<u32> {
        Some(load(task, offset))
    }

    #[inline(always)]
    fn arguments(registers: *const c_void, compat: bool, into: *mut [u64; 6]) -> bool {
        // SAFETY: the tracepoint's first argument is a valid `struct pt_regs *`.
        let registers = unsafe { &*registers.cast::<Registers>() };
        // SAFETY: given by who asks.
        unsafe { into.write(in_order(registers, compat)) };
        true
    }

    #[inline(always)]
    fn number(registers: *const c_void) -> Option<i64> {
        // SAFETY: as above.
        let registers = unsafe { &*registers.cast::<Registers>() };
        Some(registers.orig_ax.cast_signed())
    }

    #[inline(always)]
    fn result(registers: *const c_void) -> Option<i64> {
        // SAFETY: as above.
        let registers = unsafe { &*registers.cast::<Registers>() };
        Some(registers.ax.cast_signed())
    }
}

/// By copying, for hooks without types.
pub(crate) struct Copied;

impl Access for Copied {
    const LOADS: bool = false;

    #[inline(always)]
    fn task() -> *const c_void {
        // SAFETY: the helper has no preconditions.
        let task = unsafe { bpf_get_current_task() };
        task as *const c_void
    }

    #[inline(always)]
    fn task_u32(task: *const c_void, offset: u32) -> Option<u32> {
        read(task, offset)
    }

    #[inline(always)]
    fn arguments(registers: *const c_void, compat: bool, into: *mut [u64; 6]) -> bool {
        let Some(registers): Option<Registers> = read(registers, 0) else {
            return false;
        };
        // SAFETY: given by who asks.
        unsafe { into.write(in_order(&registers, compat)) };
        true
    }

    #[inline(always)]
    fn number(registers: *const c_void) -> Option<i64> {
        read(registers, ORIG_AX)
    }

    #[inline(always)]
    fn result(registers: *const c_void) -> Option<i64> {
        read(registers, AX)
    }
}

/// The registers with which a task, given by the kernel, came into the kernel.
#[inline(always)]
pub(crate) fn registers_of(task: *const c_void) -> *const c_void {
    // SAFETY: a task from the kernel itself.
    let registers = unsafe { bpf_task_pt_regs(task.cast_mut().cast()) };
    registers as *const c_void
}

/// The current task, typed.
#[inline(always)]
pub(crate) fn typed_task() -> *const c_void {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_get_current_task_btf() }.cast()
}

/// Copies a value from kernel memory; `None` if there is none to read.
#[inline(always)]
pub(crate) fn read<T>(base: *const c_void, offset: u32) -> Option<T> {
    let place: *const T = base.wrapping_byte_add(offset as usize).cast();
    // SAFETY: the helper checks the address.
    unsafe { bpf_probe_read_kernel(place) }.ok()
}

/// <https://github.com/torvalds/linux/blob/v6.12/arch/x86/include/asm/syscall.h#L90>
#[inline(always)]
fn in_order(registers: &Registers, compat: bool) -> [u64; 6] {
    let Registers {
        bx,
        cx,
        dx,
        si,
        di,
        bp,
        r10,
        r8,
        r9,
        ..
    } = *registers;
    if compat {
        [bx, cx, dx, si, di, bp].map(|value| value & 0xFFFF_FFFF)
    } else {
        [di, si, dx, r10, r8, r9]
    }
}
