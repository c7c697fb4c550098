//! First sightings, from bytes to values.
//!
//! Bytes from the ring buffer are an allegation until they have been converted here.

use crate::recording::{Answer, DenialKey, FactKey};
use crate::syscall::{Abi, Call};
use seccomp_tracer_ebpf as wire;
use std::ptr;

/// Something that happened for the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Slot of the scope.
    pub slot: u32,
    /// What happened.
    pub what: What,
    /// Who did it, when.
    pub origin: Origin,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A call; at most once per CPU.
    Call(FactKey),
    /// A tuple of argument values, as wide as the wire's.
    Tuple(FactKey, [u64; wire::TUPLE_LEN]),
    /// A call was refused, with these argument values if they are tracked, as many as the wire has.
    Denied(DenialKey, Vec<u64>),
    /// The scope began to record, at this exec.
    Armed {
        /// Bounding capability set.
        capabilities: u64,
        /// Whether the task had a seccomp filter.
        filtered: bool,
        /// Whether it had no_new_privs set.
        no_new_privs: bool,
    },
    /// A task of the scope goes on outside; its process and name are the origin's.
    Left,
    /// A scope was found.
    Scope {
        /// Id of its cgroup.
        cgroup_id: u64,
    },
}

/// Who did something, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `CLOCK_MONOTONIC`.
    pub time_ns: u64,
    /// Process id in the initial pid namespace.
    pub pid: u32,
    /// Name of the thread, invalid UTF-8 replaced. Hostile.
    pub program: String,
}

impl Event {
    /// Reads one entry of the ring buffer; `None` if it is none of ours.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < size_of::<wire::Event>() {
            return None;
        }
        // SAFETY: long enough, read unaligned, and any bytes are a valid `Event`: it is all integers.
        let event = unsafe { ptr::read_unaligned(bytes.as_ptr().cast::<wire::Event>()) };
        let key = fact_key(event.abi, event.filtered != 0, event.number);
        let [first, second, third] = event.values;
        let what = match event.kind {
            wire::event::CALL => What::Call(key?),
            wire::event::TUPLE => What::Tuple(key?, event.values),
            wire::event::ARMED => What::Armed {
                capabilities: first,
                filtered: second != 0,
                no_new_privs: third != 0,
            },
            wire::event::DENIED => {
                let len = usize::try_from(event.len).ok()?;
                let values = event.values.get(..len)?.to_vec();
                What::Denied(denial_key(event.abi, event.number, event.answer)?, values)
            }
            wire::event::SCOPE => What::Scope { cgroup_id: first },
            wire::event::LEFT => What::Left,
            _ => return None,
        };
        let name = event
            .comm
            .split(|&byte| byte == 0)
            .next()
            .unwrap_or_default();
        let program = String::from_utf8_lossy(name).into_owned();
        let origin = Origin {
            time_ns: event.time_ns,
            pid: event.pid,
            program,
        };
        Some(Self {
            slot: event.slot,
            what,
            origin,
        })
    }
}

/// The ABI that a wire index stands for.
pub(super) fn abi(index: u32) -> Option<Abi> {
    match index {
        wire::abi::X86_64 => Some(Abi::X86_64),
        wire::abi::I386 => Some(Abi::I386),
        wire::abi::X32 => Some(Abi::X32),
        _ => None,
    }
}

pub(super) fn denial_key(abi_index: u32, number: i32, answer: i32) -> Option<DenialKey> {
    let call = Call::new(abi(abi_index)?, number);
    let errno = || {
        u16::try_from(answer.checked_neg()?)
            .ok()
            .filter(|&errno| (1..=wire::answer::ERRNO_MAX).contains(&errno.into()))
    };
    let answer = match answer {
        wire::answer::VALUE => Answer::Value,
        wire::answer::SIGNAL => Answer::Signal,
        wire::answer::KILLED => Answer::Killed,
        _ => Answer::Errno(errno()?),
    };
    Some(DenialKey { call, answer })
}

pub(super) fn fact_key(abi_index: u32, filtered: bool, number: i32) -> Option<FactKey> {
    let call = Call::new(abi(abi_index)?, number);
    Some(FactKey { call, filtered })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(event: &wire::Event) -> Vec<u8> {
        // SAFETY: an event is integers without padding.
        let bytes = unsafe {
            std::slice::from_raw_parts(ptr::from_ref(event).cast::<u8>(), size_of::<wire::Event>())
        };
        bytes.to_vec()
    }

    #[test]
    fn a_refusal_is_read_with_its_answer_and_values() {
        let denied = |answer, len| {
            let event = wire::Event {
                kind: wire::event::DENIED,
                number: 41,
                answer,
                len,
                values: [38, 5, 0],
                ..Default::default()
            };
            Event::from_bytes(&bytes(&event)).map(|event| event.what)
        };
        let expected = |answer, values: &[u64]| {
            let call = Call::new(Abi::X86_64, 41);
            Some(What::Denied(DenialKey { call, answer }, values.to_vec()))
        };
        assert_eq!(denied(-97, 3), expected(Answer::Errno(97), &[38, 5, 0]));
        assert_eq!(denied(-4095, 0), expected(Answer::Errno(4095), &[]));
        assert_eq!(denied(1, 1), expected(Answer::Signal, &[38]));
        assert_eq!(denied(0, 0), expected(Answer::Value, &[]));
        assert_eq!(denied(2, 0), expected(Answer::Killed, &[]));
        for (answer, len) in [(-4096, 0), (3, 0), (i32::MIN, 0), (-1, 4)] {
            assert_eq!(denied(answer, len), None, "{answer} {len}");
        }
    }

    #[test]
    fn hostile_names_become_text_and_unknown_kinds_nothing() {
        let mut comm = [0; wire::COMM_LEN];
        comm[..4].copy_from_slice(b"a\xFF\x1B[");
        let event = wire::Event {
            kind: wire::event::CALL,
            number: 39,
            comm,
            ..Default::default()
        };
        let read = Event::from_bytes(&bytes(&event)).unwrap();
        assert_eq!(read.origin.program, "a\u{FFFD}\u{1b}[");
        assert_eq!(
            read.what,
            What::Call(FactKey {
                call: Call::new(Abi::X86_64, 39),
                filtered: false
            })
        );
        assert_eq!(Event::from_bytes(&bytes(&wire::Event::default())), None);
        let foreign = wire::Event { abi: 77, ..event };
        assert_eq!(Event::from_bytes(&bytes(&foreign)), None);
        assert_eq!(Event::from_bytes(&bytes(&event)[1..]), None);
    }
}
