//! What a profile allows, measured against a base and against what was recorded.
//!
//! An [`Audit`] is a value: everything that there is to say about one profile, in the order in which it is
//! said. It knows profiles and recordings; it refuses to know how it is shown, and where files are.
//!
//! Definitions, used in texts and in JSON alike:
//!
//! - A call is *allowed* by a profile when at least one tuple of arguments is permitted, *always* when all
//!   are, *conditionally* otherwise.
//! - The facts of a recording *count* when the target had a seccomp filter at that moment; if it never had
//!   one, all of them count. So a container runtime's own set-up is left out where it can be told apart.
//! - *Coverage* is the number of allowed calls that some counting fact shows in use, divided by the number
//!   of allowed calls.
//! - A recorded value is compared as if the upper half of its register were zero, which is how compilers
//!   pass an `unsigned int`; recordings keep no more than the width of the C type.
//! - A gate *fails*, unless told otherwise, when something recorded would be denied so that a program
//!   notices, or when something is allowed beyond the base. It is *unclear* when neither is known, but the
//!   recordings do not suffice to say so: facts were lost, or the outcome depends on values that were not
//!   kept.

pub mod diff;
pub mod explain;
pub mod exploits;
pub mod findings;
pub mod gate;
pub mod hint;
pub mod history;
pub mod ignore;
pub mod rules;
pub mod starts;

mod by_design;
mod evidence;
mod filter;
mod foreseen;
mod live;
mod observed;
mod outcome;
mod own;
mod recorded;
mod refused;
mod sureness;
mod surface;
mod types;
mod value;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use by_design::{by_design, is_by_design};
pub use filter::{Cached, FilterCost, FilterSize, HotCall};
pub use foreseen::{Foreseen, foresee};
pub use live::{Live, Permitted, Refusals, Refused};
pub use observed::{Observation, Observed, Sightings, observe};
pub use outcome::{Outcome, outcome};
pub use own::{Own, Sifted};
pub use recorded::{Input, Recorded, Taking};
pub use refused::{Judged, Missing, as_if_made, judge};
pub use sureness::sureness;
pub use types::{
    AbiCoverage, Alternative, Audit, BaseView, Check, Counted, Coverage, Denied, Documented,
    Evidence, Excess, Presence, RecordingSummary, Standing, Subject, Surface, Undecided, Unknown,
    Used, Verdict, View, When,
};
pub use value::Values;

use crate::profile::proof::{self, Proof};
use crate::profile::{
    Action, Circumstances, Meaning, Profile, Runtime, Source, base, blocked, compare,
};
use crate::syscall::{Abi, Call};
use evidence::Question;

/// Everything that is said about a profile: what there is, and what of it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// What the profile permits, and what was recorded.
    pub audit: Audit,
    /// What it does about known exploits.
    pub exposure: Vec<exploits::Exposed>,
    /// What there is to object to, and the answer.
    pub judgement: gate::Judgement,
}

/// What a profile is measured against.
#[derive(Clone, Debug)]
pub struct Base {
    source: Source,
    circumstances: Circumstances,
    meaning: Meaning,
}

impl Base {
    /// A base in these circumstances.
    #[must_use]
    pub fn new(source: Source, circumstances: Circumstances) -> Self {
        let meaning = Meaning::of(&source.resolve(&circumstances), circumstances.host);
        Self {
            source,
            circumstances,
            meaning,
        }
    }

    /// What it permits.
    #[must_use]
    pub const fn meaning(&self) -> &Meaning {
        &self.meaning
    }

    /// Why it refuses or restricts a call, if it does and we know.
    fn reason(&self, call: Call) -> Option<String> {
        if self.meaning.permitted(call).is_all() {
            return None;
        }
        call.name().and_then(blocked::reason).map(ToOwned::to_owned)
    }

    fn unlocked_by(&self, call: Call) -> Vec<String> {
        if self.meaning.permitted(call).is_all() {
            return Vec::new();
        }
        // Only the rules of this call matter, and resolving all the others for every capability takes time.
        let mut only = self.source.clone();
        only.rules.retain(|rule| {
            let mut names = rule.names.iter();
            names.any(|name| Some(name.as_str()) == call.name())
        });
        for rule in &mut only.rules {
            rule.names.retain(|name| Some(name.as_str()) == call.name());
        }
        base::unlocked_by(&only, call, &self.circumstances)
    }
}

/// Audits a resolved profile against a base, if there is one, and against recordings, if there are any.
#[must_use]
pub fn audit(
    subject: Subject,
    profile: &Profile,
    base: Option<&Base>,
    recorded: &Recorded,
) -> Audit {
    // What the host does not run is no surface of it.
    let profile = &profile.on_host(subject.native);
    let meaning = Meaning::under(profile, subject.native, subject.runtime);
    // Without a base, what is left is measured against everything on the ABIs that the profile lists.
    let everything = Meaning::of(&everything(&meaning), subject.native);
    let measure = base.map_or(&everything, |base| &base.meaning);
    let surfaces = surface::surfaces(subject.native, &meaning, measure);
    let question = Question {
        profile,
        meaning: &meaning,
        base,
    };
    let evidence = (!recorded.inputs.is_empty()).then(|| evidence::evidence(&question, recorded));
    let (proof, uncompiled) = compiled(profile, subject.native);
    let hot = filter::hot(subject.native, &meaning, evidence.as_ref());
    Audit {
        surfaces,
        filter: FilterCost::of(&proof.filters, subject.native, &meaning, hot),
        miscompiled: proof.miscompiled,
        uncompiled,
        documented: blocked::published()
            .map(|name| documented(name, &meaning, base))
            .collect(),
        beyond: base.map_or_else(Vec::new, |base| beyond(&meaning, base)),
        evidence,
        live: None,
        subject,
    }
}

/// Whether the compiled filter is what the profile means. Runtimes differ in what they give to libseccomp,
/// but not in what it makes of it.
fn compiled(profile: &Profile, native: Abi) -> (Proof, Option<String>) {
    match proof::prove(profile, native, None) {
        Ok(proof) => (proof, None),
        Err(error) => {
            let first: &dyn std::error::Error = &error;
            let causes = std::iter::successors(Some(first), |error| error.source());
            let causes: Vec<String> = causes.skip(1).map(ToString::to_string).collect();
            (Proof::default(), Some(causes.join(": ")))
        }
    }
}

/// A profile that permits everything on the ABIs of another.
fn everything(meaning: &Meaning) -> Profile {
    Profile::without_rules(Action::Allow, meaning.abis().clone())
}

/// Whether anything recorded would be denied by a resolved profile on a host with that native ABI, as a
/// runtime reads it. The base, if there is one, says why; it does not change the answer.
#[must_use]
pub fn check(
    profile: &Profile,
    native: Abi,
    runtime: Option<Runtime>,
    base: Option<&Base>,
    recorded: &Recorded,
) -> Check {
    let question = Question {
        profile,
        meaning: &Meaning::under(profile, native, runtime),
        base,
    };
    evidence::check(&question, &observe(&recorded.runs))
}

fn documented(name: &str, meaning: &Meaning, base: Option<&Base>) -> Documented {
    let presence = surface::presence_by_abi(meaning, name);
    // Told for the ABI where the base is asked, the native one first.
    let call = base.and_then(|base| {
        let native = base.circumstances.host;
        let others = base.meaning.abis().iter().copied();
        let mut abis = std::iter::once(native).chain(others);
        abis.find_map(|abi| Call::named(abi, name))
    });
    Documented {
        name: name.to_owned(),
        base_degree: base.and_then(|base| surface::degree(&base.meaning, name)),
        reason: blocked::reason(name).unwrap_or_default().to_owned(),
        unlock: base
            .zip(call)
            .map_or_else(Vec::new, |(base, call)| base.unlocked_by(call)),
        presence,
    }
}

fn beyond(meaning: &Meaning, base: &Base) -> Vec<Excess> {
    let all = compare::beyond(&base.meaning, meaning).into_iter();
    all.map(|excess| Excess {
        call: excess.call,
        view: if excess.only_in_kernel_view {
            View::Kernel
        } else {
            View::Filter
        },
        witness: excess.witness,
        whole: surface::is_blocked(&base.meaning, excess.call),
        reason: base.reason(excess.call),
        unlock: base.unlocked_by(excess.call),
    })
    .collect()
}
