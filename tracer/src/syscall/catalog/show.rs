//! Values as people read them.

use super::names::Names;
use super::table::names as named;
use super::types::{Argument, Type};
use crate::syscall::{Abi, Call};

/// A value of an argument: `AF_INET`, `SOCK_STREAM|SOCK_CLOEXEC`, or the number where it has no name.
#[must_use]
pub fn show(call: Call, index: u8, value: u64) -> String {
    show_beside(call, index, value, &[])
}

/// Values of several arguments, by position: `SOL_TCP, TCP_NODELAY`. What the name of a value is may depend
/// on the values beside it.
#[must_use]
pub fn show_tuple(call: Call, values: &[(u8, u64)]) -> String {
    let each: Vec<String> = values
        .iter()
        .map(|&(index, value)| show_beside(call, index, value, values))
        .collect();
    each.join(", ")
}

/// A value of an argument, as [`show`] does it, knowing the values of others: what an option of a socket is
/// called depends on its level.
#[must_use]
pub fn show_beside(call: Call, index: u8, value: u64, beside: &[(u8, u64)]) -> String {
    let Some(argument) = super::at(call, index) else {
        return number(value, None);
    };
    if let Some(name) = within(call, argument, value, beside) {
        return name.to_owned();
    }
    named_value(argument, call.abi, value & argument.mask())
}

/// The name of a value that only means something beside another one: an option of a level, a protocol of a
/// family.
fn within(
    call: Call,
    argument: &Argument,
    value: u64,
    beside: &[(u8, u64)],
) -> Option<&'static str> {
    let decider = |position: u8| {
        let found = beside.iter().find(|&&(index, _)| index == position);
        found.map(|&(_, value)| value)
    };
    let names = match (call.name()?, argument.name) {
        ("setsockopt" | "getsockopt", "optname") => options(decider(1)?)?,
        ("socket" | "socketpair", "protocol") if value != 0 => protocols(decider(0)?)?,
        ("socket", "protocol") => (decider(0)? == NETLINK).then_some(&named::NETLINK_PROTOCOL)?,
        _ => return None,
    };
    names.of(call.abi, value)
}

/// `AF_NETLINK`.
const NETLINK: u64 = 16;

/// The options of a level.
fn options(level: u64) -> Option<&'static Names> {
    let names = match level {
        0 => &named::IP_OPTION,
        1 => &named::SOCKET_OPTION,
        6 => &named::TCP_OPTION,
        41 => &named::IPV6_OPTION,
        263 => &named::PACKET_OPTION,
        270 => &named::NETLINK_OPTION,
        282 => &named::TLS_OPTION,
        _ => return None,
    };
    Some(names)
}

/// The protocols of a family: `AF_INET`, `AF_INET6`, `AF_NETLINK`.
fn protocols(family: u64) -> Option<&'static Names> {
    match family {
        2 | 10 => Some(&named::IP_PROTOCOL),
        NETLINK => Some(&named::NETLINK_PROTOCOL),
        _ => None,
    }
}

/// The names of the flags among these bits of an argument; bits without a name are left out.
#[must_use]
pub fn show_flags(call: Call, index: u8, bits: u64) -> Vec<&'static str> {
    let Some(argument) = super::at(call, index) else {
        return Vec::new();
    };
    let names = argument.names;
    let known = names
        .bits
        .map(|names| names.split(call.abi, bits & !argument.names.part).0);
    known.unwrap_or_default()
}

/// What [`show`] shows, read again: the value of `O_RDONLY|O_CLOEXEC`. Names that depend on other values are
/// not known here.
#[must_use]
pub fn value(call: Call, index: u8, text: &str) -> Option<u64> {
    let names = super::at(call, index)?.names;
    let one = |name: &str| {
        let known = [names.number, names.bits].into_iter().flatten();
        let mut values = known.filter_map(|names| names.value(call.abi, name));
        values.next().or_else(|| name.parse().ok())
    };
    text.split('|')
        .try_fold(0, |all, name| Some(all | one(name)?))
}

/// The tracked values, by position, of a call that takes an option of a socket's level, both by name; `None`
/// where it takes none, or the ABI has no such name.
#[must_use]
pub fn socket_option(call: Call, level: &str, option: &str) -> Option<Vec<(u8, u64)>> {
    let position = |name: &str| super::of(call).iter().find(|known| known.name == name);
    let (at_level, at_option) = (position("level")?.index, position("optname")?.index);
    let level = value(call, at_level, level)?;
    let option = options(level)?.value(call.abi, option)?;
    Some(vec![(at_level, level), (at_option, option)])
}

fn named_value(argument: &Argument, abi: Abi, value: u64) -> String {
    let names = argument.names;
    if let Some(name) = names.number.and_then(|names| names.of(abi, value)) {
        return name.to_owned();
    }
    let Some(bits) = names.bits else {
        return number(value, Some(argument.kind));
    };
    let (part, rest) = (value & names.part, value & !names.part);
    let (mut shown, left) = bits.split(abi, rest);
    let number_names = names.number.filter(|_| names.part != 0);
    let own = match number_names.and_then(|names| names.of(abi, part)) {
        Some(name) => Some(name.to_owned()),
        None if part != 0 => Some(number(part, None)),
        None => None,
    };
    let left = (left != 0).then(|| number(left, None));
    if own.is_none() && left.is_none() && shown.is_empty() {
        shown.push("0");
    }
    let all: Vec<&str> = own
        .iter()
        .map(String::as_str)
        .chain(shown)
        .chain(left.as_deref())
        .collect();
    all.join("|")
}

/// A number: a small one decimal, a negative one with its sign, others in hexadecimal.
fn number(value: u64, kind: Option<Type>) -> String {
    if value < 256 {
        return value.to_string();
    }
    let negative = match kind {
        Some(Type::Int) => u32::try_from(value)
            .ok()
            .map(|low| i64::from(low.cast_signed())),
        Some(Type::Long) => Some(value.cast_signed()),
        _ => None,
    };
    match negative {
        Some(small @ -4096..=-1) => small.to_string(),
        _ => format!("{value:#x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_names_of_the_kernels_headers() {
        let table = [
            ("socket", 0, 2, "AF_INET"),
            ("socket", 0, 99, "99"),
            ("socket", 0, 0xFFFF_FFFF, "-1"),
            (
                "socket",
                1,
                0x8_0801,
                "SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC",
            ),
            ("socket", 1, 0x11, "SOCK_STREAM|16"),
            ("prctl", 0, 15, "PR_SET_NAME"),
            ("prctl", 0, 0x5356_4D41, "PR_SET_VMA"),
            ("ioctl", 1, 0x5401, "TCGETS"),
            ("ioctl", 1, 0xDEAD_BEEF, "0xdeadbeef"),
            ("unshare", 0, 0x1002_0000, "CLONE_NEWNS|CLONE_NEWUSER"),
            ("unshare", 0, 0, "0"),
            (
                "clone",
                0,
                0x0120_0011,
                "SIGCHLD|CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID",
            ),
            ("clone", 0, 0x1_0000, "CLONE_THREAD"),
            ("openat", 2, 0, "O_RDONLY"),
            ("openat", 2, 0x8_0241, "O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC"),
            ("openat", 2, 0x10_1002, "O_RDWR|O_SYNC"),
            ("mprotect", 2, 0, "PROT_NONE"),
            ("mprotect", 2, 7, "PROT_READ|PROT_WRITE|PROT_EXEC"),
            (
                "futex",
                1,
                0x189,
                "FUTEX_WAIT_BITSET|FUTEX_PRIVATE_FLAG|FUTEX_CLOCK_REALTIME",
            ),
            ("futex", 1, 0x80, "FUTEX_WAIT|FUTEX_PRIVATE_FLAG"),
            ("personality", 0, 0xFFFF_FFFF, "query"),
            ("personality", 0, 0x4_0000, "PER_LINUX|ADDR_NO_RANDOMIZE"),
            ("bpf", 0, 5, "BPF_PROG_LOAD"),
            ("keyctl", 0, 18, "KEYCTL_SESSION_TO_PARENT"),
            ("ptrace", 0, 0x4206, "PTRACE_SEIZE"),
            ("sendmsg", 2, 1, "MSG_OOB"),
            ("read", 0, 3, "3"),
        ];
        for (name, index, value, expected) in table {
            let call = Call::named(Abi::X86_64, name).unwrap();
            assert_eq!(show(call, index, value), expected, "{name}");
        }
    }

    #[test]
    fn what_is_shown_can_be_read() {
        let table = [
            ("openat", 2, "O_WRONLY|O_CREAT", Some(0x41)),
            ("ioctl", 1, "TCGETS", Some(0x5401)),
            ("socket", 0, "99", Some(99)),
            ("socket", 1, "SOCK_STREAM|SOCK_CLOEXEC", Some(0x8_0001)),
            ("socket", 0, "AF_NONSENSE", None),
            ("read", 0, "0", None),
        ];
        for (name, index, text, expected) in table {
            let call = Call::named(Abi::X86_64, name).unwrap();
            assert_eq!(value(call, index, text), expected, "{text}");
        }
    }

    #[test]
    fn options_of_sockets_are_found_by_name() {
        let call = |name| Call::named(Abi::X86_64, name).unwrap();
        let nodelay = socket_option(call("setsockopt"), "SOL_TCP", "TCP_NODELAY");
        assert_eq!(nodelay, Some(vec![(1, 6), (2, 1)]));
        let linger = socket_option(call("getsockopt"), "SOL_SOCKET", "SO_LINGER");
        assert_eq!(linger, Some(vec![(1, 1), (2, 13)]));
        assert_eq!(
            socket_option(call("setsockopt"), "SOL_TCP", "SO_LINGER"),
            None
        );
        assert_eq!(socket_option(call("read"), "SOL_SOCKET", "SO_LINGER"), None);
    }

    #[test]
    fn some_names_depend_on_the_abi() {
        let table = [
            (Abi::X86_64, "O_RDONLY|O_DIRECTORY"),
            (Abi::Aarch64, "O_RDONLY|O_DIRECT"),
        ];
        for (abi, expected) in table {
            assert_eq!(
                show(Call::named(abi, "openat").unwrap(), 2, 0x1_0000),
                expected
            );
        }
    }

    #[test]
    fn some_names_depend_on_the_values_beside_them() {
        type Row = (&'static str, &'static [(u8, u64)], &'static str);
        let table: [Row; 7] = [
            ("setsockopt", &[(1, 6), (2, 31)], "SOL_TCP, TCP_ULP"),
            ("setsockopt", &[(1, 1), (2, 20)], "SOL_SOCKET, SO_RCVTIMEO"),
            ("setsockopt", &[(1, 282), (2, 1)], "SOL_TLS, TLS_TX"),
            ("getsockopt", &[(1, 999), (2, 4)], "0x3e7, 4"),
            (
                "socket",
                &[(0, 16), (1, 3), (2, 0)],
                "AF_NETLINK, SOCK_RAW, NETLINK_ROUTE",
            ),
            (
                "socket",
                &[(0, 2), (1, 1), (2, 132)],
                "AF_INET, SOCK_STREAM, IPPROTO_SCTP",
            ),
            (
                "socket",
                &[(0, 1), (1, 1), (2, 0)],
                "AF_UNIX, SOCK_STREAM, 0",
            ),
        ];
        for (name, values, expected) in table {
            let call = Call::named(Abi::X86_64, name).unwrap();
            assert_eq!(show_tuple(call, values), expected);
        }
    }
}
