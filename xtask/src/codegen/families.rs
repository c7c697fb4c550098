//! Which constants make up which family of names. Knows where crates define them, and nothing of their use.

use super::constants::{Constant, Constants};

/// A family of names: the values that one argument takes.
pub(super) struct Family {
    /// Name of the static.
    pub(super) name: &'static str,
    /// Its documentation.
    pub(super) about: &'static str,
    pub(super) package: &'static str,
    /// The file below the package; `{abi}` stands for the ABI's folder.
    pub(super) file: &'static str,
    select: Select,
    /// Names with these beginnings are no values of the argument.
    except: &'static [&'static str],
}

/// How a family's constants are told from the others in the file.
enum Select {
    /// By the beginnings of their names.
    Prefix(&'static [&'static str]),
    /// By standing between these two, both included.
    Span(&'static str, &'static str),
    /// By the enumeration that they are variants of, and the beginnings of their names.
    Variants(&'static str, &'static str),
}

impl Family {
    /// The family's values with their names, in order of value. Where several names have one value, the
    /// first counts, but one of an older interface only where there is no other.
    pub(super) fn rows(&self, constants: &Constants) -> Vec<(u64, String)> {
        let mut rows: Vec<(u64, String)> = Vec::new();
        let mut within = false;
        for one in constants.iter() {
            let (is_in, last) = self.select.takes(one, within);
            within = is_in && !last;
            let excepted = self
                .except
                .iter()
                .any(|prefix| one.name.starts_with(prefix));
            if !is_in || excepted {
                continue;
            }
            match rows.iter_mut().find(|(value, _)| *value == one.value) {
                None => rows.push((one.value, one.name.clone())),
                Some((_, name)) if name.ends_with("_OLD") => name.clone_from(&one.name),
                Some(_) => {}
            }
        }
        rows.sort();
        rows
    }
}

impl Select {
    /// Whether a constant belongs to the family, and whether it is the last of a span.
    fn takes(&self, one: &Constant, within: bool) -> (bool, bool) {
        match self {
            Self::Prefix(prefixes) => {
                let starts = |prefix: &&str| one.name.starts_with(prefix);
                (one.of.is_none() && prefixes.iter().any(starts), false)
            }
            Self::Span(first, last) => (within || one.name == *first, one.name == *last),
            Self::Variants(of, prefix) => (
                one.of.as_deref() == Some(of) && one.name.starts_with(prefix),
                false,
            ),
        }
    }
}

const RAW: &str = "linux-raw-sys";
const GENERAL: &str = "src/{abi}/general.rs";
const NET: &str = "src/{abi}/net.rs";
const NETLINK: &str = "src/{abi}/netlink.rs";
const PTRACE: &str = "src/{abi}/ptrace.rs";

const fn family(
    name: &'static str,
    about: &'static str,
    file: &'static str,
    select: Select,
) -> Family {
    Family {
        name,
        about,
        package: RAW,
        file,
        select,
        except: &[],
    }
}

const fn except(family: Family, except: &'static [&'static str]) -> Family {
    Family { except, ..family }
}

const fn from(package: &'static str, family: Family) -> Family {
    Family { package, ..family }
}

use Select::{Prefix, Span, Variants};

/// Every family, in the order of the file.
#[rustfmt::skip]
pub(super) const FAMILIES: &[Family] = &[
    except(family("SOCKET_FAMILY", "Families of sockets.", NET, Prefix(&["AF_"])), &["AF_MAX"]),
    family("SOCKET_TYPE", "Types of sockets.", NET, Span("SOCK_STREAM", "SOCK_SEQPACKET")),
    except(family("IP_PROTOCOL", "Protocols of internet sockets.", NET, Variants("_bindgen_ty_1", "IPPROTO_")), &["IPPROTO_MAX"]),
    except(family("NETLINK_PROTOCOL", "Protocols of netlink sockets.", NETLINK, Span("NETLINK_ROUTE", "NETLINK_SMC")), &["NETLINK_UNUSED"]),
    family("SOCKET_LEVEL", "Levels of socket options.", NET, Prefix(&["SOL_"])),
    except(family("SOCKET_OPTION", "Options of level `SOL_SOCKET`.", NET, Prefix(&["SO_"])), &["SO_ORIGINAL_DST", "SO_VM_"]),
    family("TCP_OPTION", "Options of level `SOL_TCP`.", NET, Span("TCP_NODELAY", "TCP_DELACK_MAX_US")),
    except(family("IP_OPTION", "Options of level `SOL_IP`.", NET, Span("IP_TOS", "IP_PROTOCOL")), &["IP_PMTUDISC_"]),
    except(family("IPV6_OPTION", "Options of level `SOL_IPV6`.", NET, Span("IPV6_ADDRFORM", "IPV6_FREEBIND")), &["IPV6_PMTUDISC_", "IPV6_PREFER_SRC_"]),
    family("NETLINK_OPTION", "Options of level `SOL_NETLINK`.", NETLINK, Span("NETLINK_ADD_MEMBERSHIP", "NETLINK_GET_STRICT_CHK")),
    family("PACKET_OPTION", "Options of level `SOL_PACKET`.", "src/{abi}/if_packet.rs", Span("PACKET_ADD_MEMBERSHIP", "PACKET_VNET_HDR_SZ")),
    from("libc", family("TLS_OPTION", "Options of level `SOL_TLS`.", "src/new/linux_uapi/linux/tls.rs", Span("TLS_TX", "TLS_RX_EXPECT_NO_PAD"))),
    except(family("MESSAGE_FLAG", "Flags of sent and received messages.", NET, Prefix(&["MSG_"])), &["MSG_EOF"]),
    family("SOCKETCALL", "Sub-calls of `socketcall`.", NET, Prefix(&["SYS_"])),
    except(
        family("PRCTL_OPTION", "Options of `prctl`.", "src/{abi}/prctl.rs", Prefix(&["PR_"])),
        &[
            "PR_UNALIGN_", "PR_FPEMU_", "PR_FP_EXC_", "PR_FP_MODE_", "PR_TIMING_", "PR_ENDIAN_", "PR_TSC_", "PR_MCE_KILL_CLEAR",
            "PR_MCE_KILL_SET", "PR_MCE_KILL_LATE", "PR_MCE_KILL_EARLY", "PR_MCE_KILL_DEFAULT", "PR_SET_MM_", "PR_CAP_AMBIENT_",
            "PR_SVE_VL_", "PR_SPEC_", "PR_PAC_AP", "PR_TAGGED_ADDR_ENABLE", "PR_MTE_", "PR_PMLEN_", "PR_SYS_DISPATCH_",
            "PR_SCHED_CORE_", "PR_SME_VL_", "PR_MDWE_", "PR_SET_VMA_", "PR_RISCV_V_VSTATE_", "PR_RISCV_CTX_", "PR_RISCV_SCOPE_",
            "PR_PPC_DEXCR_", "PR_SHADOW_STACK_", "PR_TIMER_CREATE_RESTORE_IDS_", "PR_FUTEX_HASH_",
        ],
    ),
    except(family("PTRACE_REQUEST", "Requests of `ptrace`.", PTRACE, Prefix(&["PTRACE_"])), &["PTRACE_EVENT", "PTRACE_O_", "PTRACE_SYSCALL_INFO_", "PTRACE_PEEKSIGINFO_SHARED"]),
    family("SECCOMP_OPERATION", "Operations of `seccomp`.", PTRACE, Span("SECCOMP_SET_MODE_STRICT", "SECCOMP_GET_NOTIF_SIZES")),
    family("SECCOMP_FLAG", "Flags of `seccomp`.", PTRACE, Prefix(&["SECCOMP_FILTER_FLAG_"])),
    except(family("CLONE_FLAG", "Flags of `clone`, `unshare` and `setns`.", GENERAL, Prefix(&["CLONE_"])), &["CLONE_ARGS_"]),
    except(family("SIGNAL", "Signals.", GENERAL, Prefix(&["SIG"])), &["SIG_", "SIGEV_", "SIGRT", "SIGSTKSZ"]),
    except(family("FCNTL_COMMAND", "Commands of `fcntl`.", GENERAL, Prefix(&["F_"])), &["F_OWNER_", "F_RDLCK", "F_WRLCK", "F_UNLCK", "F_EXLCK", "F_SHLCK", "F_LINUX_SPECIFIC_BASE", "F_SEAL_", "F_OK"]),
    except(family("OPEN_FLAG", "Flags of `open` and `openat`.", GENERAL, Prefix(&["O_"])), &["O_ACCMODE"]),
    except(family("FUTEX_OPERATION", "Operations of `futex`, without the flags.", GENERAL, Span("FUTEX_WAIT", "FUTEX_LOCK_PI2")), &[]),
    family("PROTECTION", "Protections of memory.", GENERAL, Prefix(&["PROT_"])),
    family("MADVISE_ADVICE", "Advices of `madvise`.", GENERAL, Prefix(&["MADV_"])),
    except(family("MEMFD_FLAG", "Flags of `memfd_create`.", GENERAL, Span("MFD_CLOEXEC", "MFD_EXEC")), &[]),
    family("RESOURCE", "Resources that `prlimit64` limits.", GENERAL, Prefix(&["RLIMIT_"])),
    family("REBOOT_COMMAND", "Commands of `reboot`.", GENERAL, Prefix(&["LINUX_REBOOT_CMD_"])),
    except(family("MOUNT_FLAG", "Flags of `mount`.", GENERAL, Span("MS_RDONLY", "MS_NOUSER")), &[]),
    family("UMOUNT_FLAG", "Flags of `umount2`.", GENERAL, Prefix(&["MNT_FORCE", "MNT_DETACH", "MNT_EXPIRE", "UMOUNT_NOFOLLOW"])),
    family("EPOLL_OPERATION", "Operations of `epoll_ctl`.", GENERAL, Prefix(&["EPOLL_CTL_"])),
    except(family("IO_URING_OPCODE", "Operations of `io_uring_register`.", "src/{abi}/io_uring.rs", Variants("io_uring_register_op", "IORING_")), &["IORING_REGISTER_LAST", "IORING_REGISTER_USE_"]),
    family(
        "IOCTL_REQUEST", "Requests of `ioctl`, of terminals, files, sockets, block devices and virtual machines.", "src/{abi}/ioctl.rs",
        Prefix(&["FIO", "TC", "TIOC", "SIOC", "FS_IOC_", "FICLONE", "FIDEDUPERANGE", "FIFREEZE", "FITHAW", "FITRIM", "BLK", "KD", "VT_",
            "TUN", "LOOP_", "NS_GET_", "PERF_EVENT_IOC_", "UFFDIO_", "SECCOMP_IOCTL_", "RTC_", "KVM_", "NBD_", "BTRFS_IOC_", "EVIOC"]),
    ),
    from("libc", except(family("KEYCTL_OPERATION", "Operations of `keyctl`.", "src/new/linux_uapi/linux/keyctl.rs", Prefix(&["KEYCTL_"])), &["KEYCTL_SUPPORTS_", "KEYCTL_CAPS"])),
    from("aya-obj", except(family("BPF_COMMAND", "Commands of `bpf`.", "src/generated/linux_bindings_x86_64.rs", Variants("bpf_cmd", "BPF_")), &["__"])),
    from("aya-obj", family("PERF_FLAG", "Flags of `perf_event_open`.", "src/generated/linux_bindings_x86_64.rs", Prefix(&["PERF_FLAG_"]))),
];
