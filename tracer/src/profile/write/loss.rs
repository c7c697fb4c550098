//! What a form cannot say. A profile is written without loss or not at all.

use crate::profile::model::{Action, Condition, Operator};
use crate::syscall::Call;
use std::fmt;

/// Why a profile cannot be written in a form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{form} cannot express {}", listed(.parts))]
pub struct Inexpressible {
    /// The form.
    pub form: &'static str,
    /// What it cannot express, in the profile's order; never empty. Names come from the profile: hostile.
    pub parts: Vec<Part>,
}

/// A part of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The default action.
    DefaultAction(Action),
    /// What is done with a call.
    Action {
        /// The call.
        name: String,
        /// What is done.
        action: Action,
    },
    /// A condition on a call's arguments.
    Condition {
        /// The call.
        name: String,
        /// The condition.
        condition: Condition,
    },
    /// A name that would mean something else there.
    Name(String),
    /// A name that the reader's own table lacks.
    Lacking(String),
    /// The calls of x32, which would be let through.
    X32,
    /// A call that is multiplexed on an architecture.
    Multiplexed {
        /// The call.
        name: String,
        /// The architecture, by OCI name.
        architecture: &'static str,
    },
    /// A call.
    Call(Call),
    /// An architecture, by OCI name.
    Architecture(String),
    /// A flag of the filter.
    Flag(String),
    /// The listener.
    Listener,
    /// A kernel's version.
    Kernel {
        /// The version's first number.
        major: u32,
        /// Its second.
        minor: u32,
    },
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DefaultAction(action) => {
                write!(formatter, "the default action {}", Shown(*action))
            }
            Self::Action { name, action } => write!(formatter, "`{name}`: {}", Shown(*action)),
            Self::Condition { name, condition } => {
                write!(
                    formatter,
                    "`{name}`: the condition {}",
                    ShownCondition(*condition)
                )
            }
            Self::Name(name) => write!(formatter, "the name `{name}`"),
            Self::Lacking(name) => write!(formatter, "the name `{name}`, which its table lacks"),
            Self::X32 => formatter.write_str("that x32 calls are not let through"),
            Self::Multiplexed { name, architecture } => {
                write!(formatter, "`{name}` on {architecture}")
            }
            Self::Call(call) => write!(formatter, "`{call}`"),
            Self::Architecture(name) => write!(formatter, "the architecture {name}"),
            Self::Flag(name) => write!(formatter, "the flag {name}"),
            Self::Listener => formatter.write_str("the listener"),
            Self::Kernel { major, minor } => write!(formatter, "the kernel {major}.{minor}"),
        }
    }
}

/// An action in words.
struct Shown(Action);

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.oci_name();
        match self.0 {
            Action::Errno(number) | Action::Trace(number) => write!(formatter, "{name}({number})"),
            _ => formatter.write_str(name),
        }
    }
}

/// A condition in words.
struct ShownCondition(Condition);

impl fmt::Display for ShownCondition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Condition {
            index,
            operator,
            value,
            value_two,
        } = self.0;
        let sign = match operator {
            Operator::Ne => "!=",
            Operator::Lt => "<",
            Operator::Le => "<=",
            Operator::Eq => "==",
            Operator::Ge => ">=",
            Operator::Gt => ">",
            Operator::MaskedEq => {
                return write!(formatter, "argument {index} & {value:#x} == {value_two:#x}");
            }
        };
        write!(formatter, "argument {index} {sign} {value:#x}")
    }
}

/// The most parts that are listed.
const LISTED_MAX: usize = 6;

fn listed(parts: &[Part]) -> String {
    let shown = parts.iter().take(LISTED_MAX).map(ToString::to_string);
    let shown: Vec<String> = shown.collect();
    let shown = shown.join("; ");
    match parts.len().saturating_sub(LISTED_MAX) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

/// Collects what a form cannot express.
pub(super) struct Losses {
    form: &'static str,
    parts: Vec<Part>,
}

impl Losses {
    pub(super) const fn new(form: &'static str) -> Self {
        Self {
            form,
            parts: Vec::new(),
        }
    }

    /// Adds a part, once.
    pub(super) fn add(&mut self, part: Part) {
        if !self.parts.contains(&part) {
            self.parts.push(part);
        }
    }

    /// The listener, and flags that change how a filter is installed.
    pub(super) fn add_installation(&mut self, flags: Option<&[String]>, listener: Option<&str>) {
        for flag in flags.unwrap_or_default() {
            self.add(Part::Flag(flag.clone()));
        }
        if listener.is_some() {
            self.add(Part::Listener);
        }
    }

    /// The conditions under which something is done with a call, where none can be said.
    pub(super) fn add_conditions(
        &mut self,
        name: &str,
        alternatives: &[(Action, Vec<&Condition>)],
    ) {
        for condition in alternatives.iter().flat_map(|(_, conditions)| conditions) {
            let (name, condition) = (name.to_owned(), **condition);
            self.add(Part::Condition { name, condition });
        }
    }

    /// The text, if nothing was lost.
    pub(super) fn finish<T>(self, product: T) -> Result<T, Inexpressible> {
        let Self { form, parts } = self;
        if parts.is_empty() {
            Ok(product)
        } else {
            Err(Inexpressible { form, parts })
        }
    }
}
