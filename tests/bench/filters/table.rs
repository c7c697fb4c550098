//! What was found of filters, as a table and as JSON.

use super::{Found, FoundCall};
use house_tests::figures::Spread;
use serde_json::{Value, json};
use std::fmt::Write;

const PREFACE: &str = "\
What a filter adds to a call, under three profiles that all permit the calls that are timed: Docker's default; \
what `generate` makes of a recording of these calls; and the same names without rules on arguments. Each is \
loaded as a list, as crun and youki do; as this machine's runc does it, with its own first instructions; and as \
`seccomp-tracer run` does it, as a balanced tree. The last two are read back from a process that has them. \
Linux from 5.11 runs no filter for a call that it permits whatever the arguments; the instructions are those \
that older kernels run. Times are added to those of a process without a filter in the same round; the ratio is \
that of whole calls, to Docker's default in the same form.\n\n";

/// The section of the page.
pub(crate) fn page(found: &[Found]) -> String {
    let mut page = PREFACE.to_owned();
    page.push_str("| profile | form | instructions | longest way |\n|---|---|---|---|\n");
    for one in found {
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} |",
            one.profile, one.form, one.length, one.depth
        );
    }
    page.push_str("\n| calls | profile | form | executed | added ns | × Docker's default |\n|---|---|---|---|---|---|\n");
    for index in 0..found.first().map_or(0, |one| one.calls.len()) {
        for one in found {
            line(&mut page, one, &one.calls[index]);
        }
    }
    page
}

fn line(page: &mut String, found: &Found, call: &FoundCall) {
    let number = call.work.calls().len();
    let executed = match call.cached {
        0 => format!("{:.0}", call.executed),
        all if all == number => format!("none (else {:.0})", call.executed),
        some => format!("none for {some} of {number} (else {:.0})", call.executed),
    };
    let Spread {
        lower,
        median,
        upper,
    } = call.added_ns;
    let ratio = &call.to_docker;
    let _ = writeln!(
        page,
        "| {} | {} | {} | {executed} | {median:.0} [{lower:.0}, {upper:.0}] | {:.2} [{:.2}, {:.2}] |",
        call.work.plain_words(),
        found.profile,
        found.form,
        ratio.median,
        ratio.lower,
        ratio.upper,
    );
}

/// The same as JSON.
pub(crate) fn json(found: &[Found]) -> Value {
    let spread = crate::report::spread;
    let call = |call: &FoundCall| {
        json!({
            "calls": call.work.name(),
            "executed": call.executed,
            "cached": call.cached,
            "addedNs": spread(&call.added_ns),
            "toDocker": spread(&call.to_docker),
        })
    };
    let one = |one: &Found| {
        json!({
            "profile": one.profile,
            "form": one.form,
            "length": one.length,
            "depth": one.depth,
            "calls": one.calls.iter().map(call).collect::<Vec<_>>(),
        })
    };
    found.iter().map(one).collect()
}
