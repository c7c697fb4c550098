//! A judge of profiles that shares nothing with the product: it reads the JSON by itself, asks entry by
//! entry, and knows no sets.
//!
//! It answers one question, whether a profile lets a call through, on the side of caution: if any entry
//! that matches permits, the call is permitted.

use seccomp_tracer::syscall::{Abi, Call, X32_BIT};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A comparison of one argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Which argument.
    pub index: u32,
    /// `SCMP_CMP_…`
    pub operator: String,
    /// The constant, or the mask.
    pub value: u64,
    /// The datum of a masked comparison.
    pub value_two: u64,
}

/// An entry that is in force.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its calls.
    pub names: Vec<String>,
    /// `SCMP_ACT_…`
    pub action: String,
    /// Its errno, if it has one.
    pub errno: Option<u16>,
    /// Its conditions.
    pub conditions: Vec<Condition>,
}

/// A profile whose conditions on host and capabilities are decided.
#[derive(Clone, Debug)]
pub struct Judge {
    /// What happens to calls of which no entry speaks.
    pub default_action: String,
    /// Its errno, if it has one.
    pub default_errno: Option<u16>,
    /// The ABIs that it knows.
    pub abis: BTreeSet<Abi>,
    /// The entries.
    pub entries: Vec<Entry>,
    /// Which of them speak of a call.
    by_name: BTreeMap<String, Vec<usize>>,
}

/// Where a conditional profile is to be in force: an x86_64 host.
pub struct Host<'a> {
    /// Major and minor version of the kernel.
    pub kernel: (u64, u64),
    /// Capabilities in the container's bounding set.
    pub capabilities: &'a BTreeSet<String>,
}

impl Judge {
    /// Reads a profile, Docker's dialect or the OCI form, for a host.
    ///
    /// # Panics
    ///
    /// If the text is no profile.
    #[must_use]
    pub fn of(text: &str, host: &Host<'_>) -> Self {
        let json: Value = serde_json::from_str(text).expect("JSON");
        let entries = json["syscalls"].as_array().expect("entries").iter();
        let in_force = entries.filter(|entry| in_force(entry, host));
        let entries: Vec<Entry> = in_force.map(entry_of).collect();
        let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, entry) in entries.iter().enumerate() {
            for name in &entry.names {
                by_name.entry(name.clone()).or_default().push(index);
            }
        }
        Self {
            default_action: text_of(&json["defaultAction"]),
            default_errno: errno(&json["defaultErrnoRet"]),
            abis: abis(&json),
            entries,
            by_name,
        }
    }

    /// Whether a call with these arguments in its registers is let through.
    #[must_use]
    pub fn permits(&self, call: Call, arguments: &[u64; 6]) -> bool {
        if !self.abis.contains(&call.abi) {
            return false;
        }
        let Some(name) = call.name() else {
            return permits(&self.default_action);
        };
        let mut matching = self
            .entries_of(name)
            .filter(|entry| entry.holds(call.abi, arguments));
        let mut any = false;
        let allowed = matching.any(|entry| {
            any = true;
            permits(&entry.action)
        });
        allowed || (!any && permits(&self.default_action))
    }

    fn entries_of(&self, name: &str) -> impl Iterator<Item = &Entry> {
        let indexes = self.by_name.get(name).map(Vec::as_slice);
        let indexes = indexes.unwrap_or_default().iter();
        indexes.map(|&index| &self.entries[index])
    }

    /// The constants with which arguments of a call are compared, by index.
    #[must_use]
    pub fn constants(&self, name: &str) -> BTreeSet<(usize, u64)> {
        self.entries_of(name)
            .flat_map(|entry| &entry.conditions)
            .flat_map(|condition| {
                let index = condition.index as usize;
                [(index, condition.value), (index, condition.value_two)]
            })
            .collect()
    }
}

impl Entry {
    fn holds(&self, abi: Abi, arguments: &[u64; 6]) -> bool {
        let mut holding = self
            .conditions
            .iter()
            .map(|condition| condition.holds(abi, arguments));
        let indexes: BTreeSet<u32> = self.conditions.iter().map(|one| one.index).collect();
        // Runtimes split an entry that uses an index twice into one entry for each condition.
        if indexes.len() < self.conditions.len() {
            holding.any(|holds| holds)
        } else {
            holding.all(|holds| holds)
        }
    }
}

impl Condition {
    fn holds(&self, abi: Abi, arguments: &[u64; 6]) -> bool {
        // Filters for 32-bit ABIs compare 32 bits.
        let width = if abi == Abi::X86_64 {
            u64::MAX
        } else {
            u64::from(u32::MAX)
        };
        let argument = arguments[self.index as usize] & width;
        let (value, value_two) = (self.value & width, self.value_two & width);
        match self.operator.as_str() {
            "SCMP_CMP_NE" => argument != value,
            "SCMP_CMP_LT" => argument < value,
            "SCMP_CMP_LE" => argument <= value,
            "SCMP_CMP_EQ" => argument == value,
            "SCMP_CMP_GE" => argument >= value,
            "SCMP_CMP_GT" => argument > value,
            "SCMP_CMP_MASKED_EQ" => argument & value == value_two & value,
            other => panic!("unknown operator {other}"),
        }
    }
}

fn permits(action: &str) -> bool {
    matches!(action, "SCMP_ACT_ALLOW" | "SCMP_ACT_LOG")
}

fn text_of(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

fn errno(value: &Value) -> Option<u16> {
    value
        .as_u64()
        .map(|errno| u16::try_from(errno).expect("an errno"))
}

fn list(value: &Value) -> Vec<String> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().map(text_of).collect()
}

fn abis(json: &Value) -> BTreeSet<Abi> {
    let mut names = list(&json["architectures"]);
    for map in json["archMap"].as_array().into_iter().flatten() {
        if map["architecture"] == "SCMP_ARCH_X86_64" {
            names.push("SCMP_ARCH_X86_64".to_owned());
            names.extend(list(&map["subArchitectures"]));
        }
    }
    let mut abis: BTreeSet<Abi> = [Abi::X86_64].into();
    abis.extend(names.iter().filter_map(|name| match name.as_str() {
        "SCMP_ARCH_X86" => Some(Abi::I386),
        "SCMP_ARCH_X32" => Some(Abi::X32),
        _ => None,
    }));
    abis
}

fn in_force(entry: &Value, host: &Host<'_>) -> bool {
    let (includes, excludes) = (&entry["includes"], &entry["excludes"]);
    let has = |capability: &String| host.capabilities.contains(capability);
    let here = |arches: &[String]| arches.iter().any(|arch| arch == "amd64");
    let reached = |filter: &Value| {
        let (kernel, major) = filter["minKernel"].as_str()?.split_once('.')?;
        let least = (kernel.parse().ok()?, major.parse().ok()?);
        Some(host.kernel >= least)
    };
    let excluded = here(&list(&excludes["arches"]))
        || list(&excludes["caps"]).iter().any(has)
        || reached(excludes) == Some(true);
    let arches = list(&includes["arches"]);
    let included = (arches.is_empty() || here(&arches))
        && list(&includes["caps"]).iter().all(has)
        && reached(includes) != Some(false);
    included && !excluded
}

fn entry_of(entry: &Value) -> Entry {
    let conditions = entry["args"].as_array().map(Vec::as_slice);
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let mut names = list(&entry["names"]);
    names.extend(entry["name"].as_str().map(ToOwned::to_owned));
    Entry {
        names,
        action: text_of(&entry["action"]),
        errno: errno(&entry["errnoRet"]),
        conditions: conditions
            .unwrap_or_default()
            .iter()
            .map(|one| Condition {
                index: u32::try_from(number(&one["index"])).expect("an index"),
                operator: text_of(&one["op"]),
                value: number(&one["value"]),
                value_two: number(&one["valueTwo"]),
            })
            .collect(),
    }
}

/// Values at, beside and 2^32 above each constant, and far from all of them.
#[must_use]
pub fn values_around(constants: impl IntoIterator<Item = u64>) -> BTreeSet<u64> {
    let mut values: BTreeSet<u64> = [0, 1, u64::from(u32::MAX), 1 << 32, u64::MAX].into();
    for constant in constants {
        for near in [
            constant.wrapping_sub(1),
            constant,
            constant.wrapping_add(1),
            !constant,
        ] {
            values.extend([near, near.wrapping_add(1 << 32), near & 0xffff_ffff]);
        }
        // Bit by bit, for masks.
        values.extend(
            (0..64)
                .map(|bit| 1 << bit)
                .filter(|bit| constant & bit != 0),
        );
    }
    values
}

/// Arguments that the kernel cuts to 32 bits, of calls that Docker's default compares.
const INTS: [(&str, usize); 4] = [
    ("personality", 0),
    ("socket", 0),
    ("socket", 1),
    ("socket", 2),
];

/// Every way in which a profile lets through what another denies: as the filter sees the registers, and as
/// the kernel sees them after it has cut them. Empty if there is none.
#[must_use]
pub fn excesses(profile: &Judge, base: &Judge) -> Vec<String> {
    let mut found = Vec::new();
    for abi in [Abi::X86_64, Abi::I386, Abi::X32] {
        for call in numbers(abi) {
            let name = call.name().unwrap_or("");
            for arguments in worlds(profile, base, name) {
                if !profile.permits(call, &arguments) {
                    continue;
                }
                let seen = as_the_kernel_sees(name, arguments);
                if !base.permits(call, &arguments) || !base.permits(call, &seen) {
                    found.push(format!("{call}{arguments:x?}"));
                }
            }
        }
    }
    found
}

/// Every number that an ABI's table has, and some that none has.
pub fn numbers(abi: Abi) -> impl Iterator<Item = Call> {
    (-1..1024).map(move |number| Call::new(abi, number))
}

/// Argument registers to try for a call.
#[must_use]
pub fn worlds(one: &Judge, other: &Judge, name: &str) -> Vec<[u64; 6]> {
    let constants: BTreeSet<(usize, u64)> = &one.constants(name) | &other.constants(name);
    let mut worlds = vec![[0; 6], [u64::MAX; 6]];
    for index in 0..6 {
        let here = constants.iter().filter(|(at, _)| *at == index);
        let values: BTreeSet<u64> = here.map(|&(_, value)| value).collect();
        if values.is_empty() {
            continue;
        }
        let around = values_around(values);
        let multiplied = worlds.iter().flat_map(|world| {
            around.iter().map(move |&value| {
                let mut world = *world;
                world[index] = value;
                world
            })
        });
        worlds = multiplied.collect();
    }
    worlds
}

fn as_the_kernel_sees(name: &str, mut arguments: [u64; 6]) -> [u64; 6] {
    for (_, index) in INTS.iter().filter(|(int, _)| *int == name) {
        arguments[*index] &= u64::from(u32::MAX);
    }
    arguments
}

/// The number register of a call.
#[must_use]
pub fn register(call: Call) -> u32 {
    let number = call.number.cast_unsigned();
    match call.abi {
        Abi::X32 => number | X32_BIT,
        _ => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(text: &str, capabilities: &[&str]) -> Judge {
        let capabilities = capabilities.iter().map(|&name| name.to_owned()).collect();
        Judge::of(
            text,
            &Host {
                kernel: (6, 1),
                capabilities: &capabilities,
            },
        )
    }

    fn call(name: &str) -> Call {
        Call::named(Abi::X86_64, name).unwrap()
    }

    const BASE: &str = r#"{"defaultAction": "SCMP_ACT_ERRNO",
        "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
        "syscalls": [
          {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
          {"names": ["socket"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 0, "value": 38, "op": "SCMP_CMP_LT"}]},
          {"names": ["socket"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_GT"}]},
          {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
          {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
          {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "6.2"}}]}"#;

    #[test]
    fn conditions_on_host_and_capabilities_decide_which_entries_are_in_force() {
        let permitted = |capabilities: &[&str]| {
            let judge = judge(BASE, capabilities);
            ["read", "mount", "bpf", "ptrace", "chdir"]
                .map(|name| judge.permits(call(name), &[0; 6]))
        };
        assert_eq!(permitted(&[]), [true, false, true, false, false]);
        assert_eq!(
            permitted(&["CAP_SYS_ADMIN"]),
            [true, true, false, false, false]
        );
    }

    #[test]
    fn an_index_used_twice_means_any_of_the_conditions() {
        let text = r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
          {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"},
                    {"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]}]}"#;
        let judge = judge(text, &[]);
        let permits = |value| judge.permits(call("personality"), &[value, 0, 0, 0, 0, 0]);
        assert_eq!([0, 8, 4].map(permits), [true, true, false]);
    }

    #[test]
    fn what_the_kernel_cuts_off_is_found() {
        // The very rules of the base: the filter compares 64 bits, the kernel 32.
        let base = judge(BASE, &[]);
        let same = excesses(&base, &base);
        assert!(
            same.iter()
                .any(|found| found == "socket[100000027, 0, 0, 0, 0, 0]"),
            "{same:?}"
        );
        assert!(
            same.iter().all(|found| found.starts_with("socket")),
            "{same:?}"
        );
        let narrow = r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
          {"names": ["socket"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}]}]}"#;
        assert_eq!(excesses(&judge(narrow, &[]), &base), Vec::<String>::new());
    }
}
