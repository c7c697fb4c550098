//! Which calls a rule reaches on an ABI: the one of its name, and on i386 also `socketcall` and `ipc`, behind
//! which older programs reach sockets and System V IPC.

use crate::profile::model::{Condition, Operator, Rule};
use crate::syscall::{Abi, Call};
use std::collections::BTreeSet;

/// Sub-calls of `socketcall`, from 1, by name.
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/net.h#L26>
static SOCKETCALLS: [&str; 20] = [
    "socket",
    "bind",
    "connect",
    "listen",
    "accept",
    "getsockname",
    "getpeername",
    "socketpair",
    "send",
    "recv",
    "sendto",
    "recvfrom",
    "shutdown",
    "setsockopt",
    "getsockopt",
    "sendmsg",
    "recvmsg",
    "accept4",
    "recvmmsg",
    "sendmmsg",
];

/// Sub-calls of `ipc`, by number and name.
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/ipc.h#L41>
static IPCS: [(u64, &str); 12] = [
    (1, "semop"),
    (2, "semget"),
    (3, "semctl"),
    (4, "semtimedop"),
    (11, "msgsnd"),
    (12, "msgrcv"),
    (13, "msgget"),
    (14, "msgctl"),
    (21, "shmat"),
    (22, "shmdt"),
    (23, "shmget"),
    (24, "shmctl"),
];

/// The calls that a rule reaches, with the conditions that it puts on each.
pub(super) fn reached<'a>(
    rule: &'a Rule,
    conditions: &'a [Condition],
    abis: &'a BTreeSet<Abi>,
) -> impl Iterator<Item = (Call, Vec<Condition>)> + 'a {
    abis.iter().flat_map(move |&abi| {
        rule.names.iter().flat_map(move |name| {
            let direct = Call::named(abi, name).map(|call| (call, conditions.to_vec()));
            let multiplexed = multiplexed(abi, name, conditions);
            direct.into_iter().chain(multiplexed)
        })
    })
}

/// Whether libseccomp knows the call of that name on i386 as one behind a multiplexer, and so by a number
/// that no kernel has.
pub(crate) fn is_multiplexed(abi: Abi, name: &str) -> bool {
    abi == Abi::I386 && multiplexer(name).is_some()
}

/// On i386, libseccomp adds each rule for a socket or System V IPC call a second time, for `socketcall` or
/// `ipc`: what it says of argument 0 is replaced by the number of the sub-call.
fn multiplexed(abi: Abi, name: &str, conditions: &[Condition]) -> Option<(Call, Vec<Condition>)> {
    if abi != Abi::I386 {
        return None;
    }
    let (multiplexer, number) = multiplexer(name)?;
    let first = Condition {
        index: 0,
        operator: Operator::Eq,
        value: number,
        value_two: 0,
    };
    let others = conditions
        .iter()
        .filter(|condition| condition.index != 0)
        .copied();
    Some((
        Call::named(abi, multiplexer)?,
        std::iter::once(first).chain(others).collect(),
    ))
}

/// The calls of i386 that do what others do, by the number in their first argument: each with its name, that
/// number, and the name of the other.
pub fn multiplexed_calls() -> impl Iterator<Item = (&'static str, u64, &'static str)> {
    let sockets = SOCKETCALLS.iter().zip(1..);
    let sockets = sockets.map(|(&name, number)| ("socketcall", number, name));
    sockets.chain(IPCS.iter().map(|&(number, name)| ("ipc", number, name)))
}

/// The call of i386 through which the call of a name can be made as well, and its number there. Filters see
/// nothing of the arguments of calls that are made so.
#[must_use]
pub fn multiplexer(name: &str) -> Option<(&'static str, u64)> {
    let mut all = multiplexed_calls();
    all.find_map(|(multiplexer, number, known)| (known == name).then_some((multiplexer, number)))
}
