//! What is said about rare losses, for the program's log.
//!
//! Each is a global function of numbers only, which the verifier looks at once. In a function like all others it
//! would follow the making of the message again on every way that leads there: four fifths of its work.

use aya_ebpf::EbpfContext;
use aya_log_ebpf::warn;
use core::ffi::c_void;
use core::ptr;

/// The ABI of a call could not be determined.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn say_unknown_abi(number: i64) -> u32 {
    warn!(
        Nothing,
        "cannot read the task of call {}, its ABI is unknown", number
    );
    0
}

/// A map refused a call.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn say_map_error(abi: u32, number: i32) -> u32 {
    warn!(Nothing, "a map refused call {} of abi {}", number, abi);
    0
}

/// A call whose number has no place in the tables is lost.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn say_odd_full(number: i32) -> u32 {
    warn!(
        Nothing,
        "no room for another odd number, {} is lost", number
    );
    0
}

/// A call was marked as unbounded because of others.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn say_tuples_full(number: i32) -> u32 {
    warn!(
        Nothing,
        "no room for another argument tuple, call {} is unbounded", number
    );
    0
}

/// The log asks for a context and does not use it.
struct Nothing;

impl EbpfContext for Nothing {
    #[inline(always)]
    fn as_ptr(&self) -> *mut c_void {
        ptr::null_mut()
    }
}
