//! Reads what callgrind writes, as far as it takes to know what one object ran itself.
//! <https://valgrind.org/docs/manual/cl-format.html>

use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;

/// The instructions that the object of that path ran itself.
pub(super) fn of_object(profile: &str, path: &str) -> Result<u64> {
    let mut names = BTreeMap::new();
    let (mut is_own, mut is_callee) = (false, false);
    let mut sum = 0;
    let mut lines = profile.lines();
    // The costs come after the head.
    lines.by_ref().find(|line| line.starts_with("events:"));
    for line in lines {
        if let Some(object) = line.strip_prefix("ob=") {
            is_own = name(object, &mut names)? == path;
        } else if let Some(object) = line.strip_prefix("cob=") {
            name(object, &mut names)?;
        } else if line.starts_with("calls=") {
            is_callee = true;
        } else if line.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c)) {
            // After a call stands what the callee ran, which is counted where it ran.
            if is_own && !is_callee {
                let count = line.split(' ').nth(1).context("a line without a count")?;
                sum += count.parse::<u64>().context("not a count")?;
            }
            is_callee = false;
        }
    }
    ensure!(sum > 0, "callgrind saw nothing of `{path}`");
    Ok(sum)
}

/// The name of a numbered object, which is given only the first time.
fn name<'a>(object: &'a str, names: &mut BTreeMap<&'a str, &'a str>) -> Result<&'a str> {
    let (number, name) = object.split_once(' ').unwrap_or((object, ""));
    if !name.is_empty() {
        names.insert(number, name);
    }
    names
        .get(number)
        .copied()
        .context("an object without a name")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "\
# callgrind format
positions: line
events: Ir
summary: 1116

ob=(1) /lib/other
fn=(1) one
0 6
cob=(2) /bin/own
cfn=(2) two
calls=3 0
0 1000

ob=(2)
fn=(2) two
12 100
+3 20
* 3
cfn=(1)
calls=1 0
0 6
ob=(1)
fn=(3) three
0 9
totals: 1116
";

    #[test]
    fn only_what_the_object_runs_itself_counts() {
        assert_eq!(of_object(PROFILE, "/bin/own").unwrap(), 123);
        assert_eq!(of_object(PROFILE, "/lib/other").unwrap(), 15);
        assert!(of_object(PROFILE, "/bin/nothing").is_err());
    }
}
