//! What each rule is about, in the order of the ids. An id never changes its meaning; a rule that is given
//! up leaves its id unused.

use super::{Rule, RuleId, Severity};

pub(super) static RULES: &[Rule] = &[
    Rule {
        rule: RuleId::BeyondBase,
        id: "beyond-base",
        title: "The profile permits what the base refuses",
        what: "There are arguments with which the profile's filter lets a call through and the base's does \
            not. The comparison is exact, over all values of all six arguments, and the example is one of them.",
        why: "The base, Docker's default unless told otherwise, is what operators expect of a container. What \
            goes beyond it is surface that nobody else's containers have.",
        remedy: "Remove the rule or narrow its arguments. If the container needs the call, grant the \
            capability for which the base permits it, or ignore the finding with the reason.",
        gate: "The base permits some calls with a capability; the finding names it where there is one.",
        severity: Severity::High,
    },
    Rule {
        rule: RuleId::TruncationBypass,
        id: "truncation-bypass",
        title: "Register values that the kernel cuts reach what the base refuses",
        what: "The filter compares all 64 bits of a register, the kernel takes the argument as a C type of 32. \
            Values with something in the upper half pass the filter and mean, to the kernel, a value that the \
            base refuses.",
        why: "Whoever attacks chooses the whole register. With Docker's own rules for socket, the family \
            0x100000028 passes as greater than 40 and opens AF_VSOCK, which is 40.",
        remedy: "Compare with SCMP_CMP_MASKED_EQ and a mask of 32 bits, or with SCMP_CMP_EQ. Ranges and \
            inequalities on arguments of type int are unsafe on 64-bit ABIs. What `generate` writes is immune.",
        gate: "Nobody but the filter. The base's own filter lets the same registers through: what is open is open \
            with the base, too.",
        severity: Severity::Medium,
    },
    Rule {
        rule: RuleId::TruncatedArgument,
        id: "truncated-argument",
        title: "Register values that the kernel cuts reach what the profile itself refuses",
        what: "The profile refuses a value of an argument, but lets through registers that the kernel cuts to \
            that value. What is reached is nothing that the base refuses, or there is no base.",
        why: "The rule does not restrict what it seems to restrict: an attacker reaches every value.",
        remedy: "Compare with SCMP_CMP_MASKED_EQ and a mask of 32 bits, or with SCMP_CMP_EQ.",
        gate: "Nobody but the filter.",
        severity: Severity::Medium,
    },
    Rule {
        rule: RuleId::MultiplexedCall,
        id: "multiplexed-call",
        title: "A 32-bit call reaches what is refused or restricted elsewhere",
        what: "On i386, socketcall and ipc do what many calls do elsewhere, with their arguments behind a \
            pointer, which no filter can read. They are permitted, and the call that they stand for is refused \
            or restricted on the native ABI.",
        why: "A 64-bit program makes 32-bit calls too, by int 0x80. libseccomp itself opens socketcall for \
            every rule that permits a socket call, whatever its conditions.",
        remedy: "Leave SCMP_ARCH_X86 out of the profile if no 32-bit program runs, or refuse socketcall and \
            ipc with an unconditional rule whose action is not the default one.",
        gate: "The profile's list of architectures. Docker's default has this hole, so that 32-bit programs work.",
        severity: Severity::Medium,
    },
    Rule {
        rule: RuleId::Miscompiled,
        id: "miscompiled",
        title: "The filter does something else than the profile says",
        what: "libseccomp makes a filter of the profile that answers differently from its rules. The example \
            was found by reading the filter and comparing it with the rules, in every arrangement in which \
            runtimes have it built.",
        why: "libseccomp, up to and including 2.6.1, confuses the halves of registers in some sets of rules \
            with ordered comparisons or inequalities. What the rules refuse may pass, and the other way round.",
        remedy: "Write the rules of the call with SCMP_CMP_EQ and SCMP_CMP_MASKED_EQ only, as `generate` does.",
        gate: "The version of libseccomp. The one that this program is linked with was asked.",
        severity: Severity::High,
    },
    Rule {
        rule: RuleId::RefusedProfile,
        id: "refused-profile",
        title: "No filter can be made of the profile",
        what: "libseccomp refuses a rule, for example because another one has the same conditions and another \
            action.",
        why: "No container starts with the profile.",
        remedy: "Mend the rule that the finding names.",
        gate: "The runtime, and the version of libseccomp.",
        severity: Severity::High,
    },
    Rule {
        rule: RuleId::CannotStart,
        id: "cannot-start",
        title: "No container starts with the profile",
        what: "A runtime refuses the profile, or the profile refuses calls that the runtime makes between \
            installing the filter and the program's exec. Without no_new_privs the filter goes in early, and the \
            runtime then still changes capabilities and user under it.",
        why: "The container fails before its program runs, with an error that names neither the call nor the \
            profile.",
        remedy: "Permit the calls that the finding names, or correct what the runtime refuses. A profile that is \
            not for containers is audited with `--runtime none`.",
        gate: "The runtime, its release, and no_new_privs: `--runtime NAME@VERSION`, `--engine NAME@VERSION` and \
            `--no-new-privs` say which counts. Where none is asked for, one runtime that starts it suffices.",
        severity: Severity::High,
    },
    Rule {
        rule: RuleId::IoUringBypass,
        id: "io-uring-bypass",
        title: "io_uring works past the filter",
        what: "io_uring_setup is permitted. The kernel carries out what is put into a ring without asking the \
            filter: opening, connecting, sending and the rest.",
        why: "Rules for the calls that io_uring replaces no longer bind, and io_uring has had more exploited \
            flaws than most of the kernel.",
        remedy: "Refuse io_uring_setup, io_uring_enter and io_uring_register with ENOSYS; programs then use \
            ordinary calls.",
        gate: "Docker's default refuses it, with any capabilities; the sysctl io_uring_disabled does so for a \
            whole machine.",
        severity: Severity::High,
    },
    Rule {
        rule: RuleId::WeakDefault,
        id: "weak-default",
        title: "What no rule speaks of is not refused",
        what: "The default action lets calls through, or leaves the decision to somebody else, or says that \
            they worked.",
        why: "A profile that lists what is forbidden permits everything that nobody thought of, and every call \
            that a newer kernel adds.",
        remedy: "Use SCMP_ACT_ERRNO as default action and list what is permitted.",
        gate: "",
        severity: Severity::High,
    },
    Rule {
        rule: RuleId::ExploitedCall,
        id: "exploited-call",
        title: "A known kernel exploit is not stopped",
        what: "Every call that an exploit of a known, and in newer kernels mended, flaw of the kernel needs can \
            be made under the profile, with the arguments that it needs.",
        why: "The next flaw is likely to be where the last ones were. A profile that does not permit the calls \
            keeps an attacker away from that part of the kernel.",
        remedy: "Remove one of the calls, or permit only the argument values that are in use.",
        gate: "Some steps can be replaced by a capability; then the finding depends on the container's \
            capabilities.",
        severity: Severity::Info,
    },
    Rule {
        rule: RuleId::MisreadDialect,
        id: "misread-dialect",
        title: "An engine takes the profile for something else",
        what: "The profile has conditions on host, capabilities or kernel. containerd ignores all of them and \
            applies every rule, Podman and CRI-O ignore the kernel's version. Under that reading the profile \
            permits other calls.",
        why: "The same file protects a container under one engine and leaves it open under another.",
        remedy: "Give every engine a plain OCI profile, resolved for the container; `generate` writes such.",
        gate: "The engine. `--engine` says which one counts.",
        severity: Severity::Medium,
    },
    Rule {
        rule: RuleId::MistypedKey,
        id: "mistyped-key",
        title: "A key is mistyped",
        what: "The file has a key that no engine knows and that differs by a letter or two from one that engines know \
            and that is not there.",
        why: "Engines ignore the key without a word: what stands under it does not count. A rule without names does \
            nothing.",
        remedy: "Correct the key.",
        gate: "",
        severity: Severity::High,
    },
    Rule {
        rule: RuleId::IgnoredText,
        id: "ignored-text",
        title: "Engines ignore something in the file, or take it otherwise",
        what: "The file has a key that no engine knows or that is there twice, a word that no engine has, or \
            something that engines or runtimes cut, skip or refuse.",
        why: "It has no effect, or not the effect that it seems to have.",
        remedy: "Correct it, or remove it.",
        gate: "The engine and the runtime; the finding names those that differ.",
        severity: Severity::Low,
    },
    Rule {
        rule: RuleId::UnknownName,
        id: "unknown-name",
        title: "A rule names a call that does not exist",
        what: "No ABI has a call of that name.",
        why: "Runtimes skip such names without a word. Where the rule permits, the call that was meant is \
            refused; where it refuses, the call that was meant is permitted.",
        remedy: "Correct the name. Profiles use the names of libseccomp, for example umount2 and newfstatat.",
        gate: "",
        severity: Severity::Medium,
    },
    Rule {
        rule: RuleId::RepeatedArgument,
        id: "repeated-argument",
        title: "A rule tests one argument twice",
        what: "Two conditions of a rule are about the same argument. Every runtime then makes a rule of each \
            condition, also of those about other arguments: any of them suffices, instead of all.",
        why: "A range written as two conditions permits everything on either side of both limits.",
        remedy: "Write one rule for each alternative, with at most one condition for an argument.",
        gate: "The runtime.",
        severity: Severity::Medium,
    },
    Rule {
        rule: RuleId::UnreachableRule,
        id: "unreachable-rule",
        title: "A rule never decides",
        what: "Its conditions never hold, or other rules decide over the call whatever the arguments. The first rule without conditions \
            wins over everything else; among rules with conditions the strictest counts.",
        why: "Somebody wrote the rule to have an effect. An exception of this kind does not except anything.",
        remedy: "Remove the rule, or make the other one leave out what this one is about.",
        gate: "",
        severity: Severity::Medium,
    },
    Rule {
        rule: RuleId::ShadowedRule,
        id: "shadowed-rule",
        title: "A rule decides only over a part of what it speaks of",
        what: "For some arguments that the rule speaks of, another rule with another action decides.",
        why: "Where rules with different actions overlap, libseccomp's internal order decides, not the order \
            in the profile.",
        remedy: "Write rules that do not overlap, with one action for each call.",
        gate: "",
        severity: Severity::Low,
    },
    Rule {
        rule: RuleId::RedundantRule,
        id: "redundant-rule",
        title: "A rule does what is done by default",
        what: "The rule's action, errno included, is the default action. Runtimes skip such rules.",
        why: "An exception from another rule that is written like this has no effect. Without conditions the \
            rule is harmless, but runc takes the highest call that is named for the newest that the profile knows.",
        remedy: "Remove the rule. To make an exception, permit the complement.",
        gate: "",
        severity: Severity::Low,
    },
    Rule {
        rule: RuleId::DuplicateRule,
        id: "duplicate-rule",
        title: "A rule says what others say",
        what: "Other rules with the same action already cover everything that this one speaks of.",
        why: "It does no harm, but whoever removes one of them believes that something has changed.",
        remedy: "Remove one of the rules.",
        gate: "",
        severity: Severity::Info,
    },
    Rule {
        rule: RuleId::MissingEssential,
        id: "missing-essential",
        title: "A call that every program needs is refused",
        what: "The profile refuses one of the calls without which no program starts, ends, or returns from a \
            signal handler: execve, exit, exit_group, rt_sigreturn, restart_syscall.",
        why: "The container fails, perhaps only when a signal arrives. Recordings often lack these calls, as a \
            server that is killed never exits.",
        remedy: "Permit the call without conditions.",
        gate: "",
        severity: Severity::High,
    },
    Rule {
        rule: RuleId::EnosysNeeded,
        id: "enosys-needed",
        title: "A call is refused so that C libraries do not fall back",
        what: "A call that has an older substitute is not answered with ENOSYS, and the substitute is \
            permitted.",
        why: "C libraries and language runtimes take the substitute only on ENOSYS. On EPERM the program fails; \
            with clone3, no thread starts.",
        remedy: "Refuse the call with errnoRet 38.",
        gate: "runc answers ENOSYS by itself to calls that are newer than any that the profile names; crun and \
            youki do not.",
        severity: Severity::Medium,
    },
    Rule {
        rule: RuleId::WouldDeny,
        id: "would-deny",
        title: "Something that was recorded would be denied",
        what: "A recording shows a call, with its values, that the profile refuses in a way that the program \
            notices.",
        why: "The workload did it once and is likely to do it again: that would be an outage.",
        remedy: "Generate the profile from all recordings, or permit the call. If it is not wanted, ignore the \
            finding with the reason.",
        gate: "If the base refuses it too, the finding names the capability with which it would not.",
        severity: Severity::High,
    },
    Rule {
        rule: RuleId::Undecided,
        id: "undecided",
        title: "Whether something recorded would be denied is not known",
        what: "The profile tests argument values that the recording does not have, or of which there were more \
            than a recording keeps.",
        why: "Neither a pass nor a failure would be honest.",
        remedy: "Record again with a version that keeps these values, or permit the call whatever its arguments.",
        gate: "",
        severity: Severity::Medium,
    },
    Rule {
        rule: RuleId::LostFacts,
        id: "lost-facts",
        title: "The recordings are incomplete",
        what: "The recordings count facts that they could not keep.",
        why: "What was lost may be what the profile refuses.",
        remedy: "Record again; `record` says what was lost and why.",
        gate: "",
        severity: Severity::Medium,
    },
    Rule {
        rule: RuleId::UnusedCall,
        id: "unused-call",
        title: "Permitted calls were not recorded",
        what: "The profile permits calls that no recording shows.",
        why: "They are surface without a known use, or a use that the recordings do not cover.",
        remedy: "Record more of what the workload does, then generate the profile from that.",
        gate: "",
        severity: Severity::Info,
    },
    Rule {
        rule: RuleId::UnusedValue,
        id: "unused-value",
        title: "Permitted values of a call in use were not recorded",
        what: "A rule with conditions permits values of a call that no recording shows, though the call was \
            made.",
        why: "They are surface without a known use, or a use that the recordings do not cover.",
        remedy: "Record more of what the workload does, then generate the profile from that.",
        gate: "",
        severity: Severity::Info,
    },
    Rule {
        rule: RuleId::InstalledFilter,
        id: "installed-filter",
        title: "The filter of the running container is not the profile",
        what: "The filters that the container's first process really has were read from the kernel and compared \
            with the profile. Together they permit a call that the profile refuses, or the other way round.",
        why: "What protects the container is not what was reviewed. Another profile was given, the engine took it \
            for something else, the file has changed since, or the program installed a filter of its own.",
        remedy: "Start the container again with the profile. If single calls that are newer than the machine's \
            libseccomp are refused, update libseccomp.",
        gate: "The engine, the runtime, and the version of libseccomp that it is linked with.",
        severity: Severity::High,
    },
    Rule {
        rule: RuleId::InstalledAnswer,
        id: "installed-answer",
        title: "The filter of the running container answers otherwise than the profile says",
        what: "Filters and profile both refuse a call, or both let it through, but not in the same way.",
        why: "Nothing more is permitted, but programs behave otherwise: they fall back on ENOSYS and give up on EPERM.",
        remedy: "Start the container again with the profile.",
        gate: "The runtime: runc answers ENOSYS by itself to calls that are newer than any that the profile names, \
            and that its libseccomp knows.",
        severity: Severity::Low,
    },
    Rule {
        rule: RuleId::RefusedCall,
        id: "refused-call",
        title: "The filter of the running container refused a call",
        what: "While the container was watched, a seccomp filter refused a call that it made.",
        why: "The program lacks something. If the profile permits the call, the installed filter is another one; \
            if the base does, the profile may be missing it.",
        remedy: "`harden` finds what a profile is missing; or record the workload again and generate the profile from \
            that. What the base refuses too is most often tried and done without: ignore it with the reason.",
        gate: "",
        severity: Severity::Medium,
    },
    Rule {
        rule: RuleId::ExpiredIgnore,
        id: "expired-ignore",
        title: "An entry of the ignore file is over",
        what: "The date until which the entry ignores findings has passed. It no longer ignores any.",
        why: "Somebody accepted a risk for a time, and that is over.",
        remedy: "Mend what the entry is about, or decide anew and give it another date.",
        gate: "",
        severity: Severity::Medium,
    },
    Rule {
        rule: RuleId::UnusedIgnore,
        id: "unused-ignore",
        title: "An entry of the ignore file ignores nothing",
        what: "No finding is what the entry is about.",
        why: "What it accepted is gone. Left there, it would accept it when it comes back.",
        remedy: "Remove the entry.",
        gate: "",
        severity: Severity::Low,
    },
];
