//! A workload with something to say in every section, and names that attack a terminal.

use super::call;
use crate::audit::hint::{Hint, Unseen};
use crate::profile::blocked;
use crate::reach::Site;
use crate::syscall::{Abi, Call};

fn site(file: &str, function: &str) -> Site {
    Site {
        file: file.to_owned(),
        function: function.to_owned(),
    }
}

fn unseen(name: &str, permitted: bool, cves: usize, functions: &[&str]) -> Unseen {
    let sites = functions.iter();
    Unseen {
        call: call(name),
        permitted,
        cves,
        restriction: blocked::reason(name),
        sites: sites
            .map(|function| site("/lib/libc.so.6", function))
            .collect(),
    }
}

pub(crate) fn hint() -> Hint {
    let i386 = Unseen {
        call: Call::new(Abi::I386, 1),
        sites: [site("/bin/ev\u{1b}il", "+0x1000")].into(),
        ..unseen("exit", true, 0, &[])
    };
    Hint {
        files: vec!["/bin/ev\u{1b}il".to_owned(), "/lib/libc.so.6".to_owned()],
        skipped: [(
            "lib\u{1b}x.so.1".to_owned(),
            "it is not where loaders look".to_owned(),
        )]
        .into(),
        runs: 3,
        reachable: 61,
        recorded: 55,
        unseen: vec![
            unseen("socket", true, 12, &["socket"]),
            unseen(
                "sendmsg",
                true,
                1,
                &["sendmsg", "__res_send", "log", "syslog"],
            ),
            unseen("umask", true, 0, &["umask"]),
            i386,
            unseen("keyctl", false, 3, &["+0xf00"]),
            unseen("swapon", false, 0, &["swapon"]),
        ],
        unexplained: [call("restart_syscall")].into(),
        unresolved: [
            site("/bin/ev\u{1b}il", "sys\u{1b}call"),
            site("/lib/libc.so.6", "+0x8be55"),
        ]
        .into(),
        loading: ["/bin/ev\u{1b}il".to_owned()].into(),
    }
}
