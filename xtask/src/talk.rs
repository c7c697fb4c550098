//! What `cargo xtask` says. Everything goes to standard error except what a verb is asked to produce.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the place that prints"
)]

/// Says a line.
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

/// Announces a step.
pub(crate) fn step(line: &str) {
    eprintln!("==> {line}");
}

/// Prints a line of the product.
pub(crate) fn print(line: &str) {
    println!("{line}");
}

/// Says what failed and why. A message may carry a hint of its own, as lines that begin with `hint:`.
pub(crate) fn error(error: &anyhow::Error) {
    let mut causes = error.chain().map(ToString::to_string);
    let first = causes.next().unwrap_or_default();
    let (first, hint) = match first.split_once("\nhint: ") {
        Some((first, hint)) => (first.to_owned(), Some(hint.to_owned())),
        None => (first, None),
    };
    eprintln!("error: {first}");
    for cause in causes {
        eprintln!("  cause: {cause}");
    }
    if let Some(hint) = hint {
        eprintln!("\nhint: {hint}");
    }
}
