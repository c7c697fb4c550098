//! `convert`: a profile in another form.

use super::base::{self, CircumstanceArguments};
use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Sink};
use crate::profile::write::{self, FilterError, Inexpressible, NotAName};
use crate::profile::{Profile, Source};
use crate::report::escape;
use crate::syscall::{Abi, Call};
use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Write a profile in another form, without loss or not at all.
///
/// Profiles are read in every dialect: plain OCI, Docker's, Podman's, the Security Profiles Operator's
/// SeccompProfile, what Inspektor Gadget prints. Conditions on capabilities and kernel are kept by `docker` and
/// resolved for all other forms.
#[derive(clap::Args)]
#[command(after_help = "\
Exit code: 0 if everything that the profile says is said; 2 if the form cannot express something,
which is then named.")]
pub(super) struct Arguments {
    /// The profile; `-` is standard input.
    profile: PathBuf,
    /// The form.
    #[arg(long, value_name = "FORM")]
    to: Form,
    /// Where it goes; `-` is standard output.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// Name of the object, for `spo` [default: the file's].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    circumstances: CircumstanceArguments,
}

/// The forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// Plain OCI JSON, which every engine and runtime reads alike
    Oci,
    /// Docker's dialect, which keeps conditions on host, capabilities and kernel
    Docker,
    /// A SeccompProfile of the Security Profiles Operator
    Spo,
    /// A drop-in for a systemd unit
    Systemd,
    /// JSON for seccompiler
    Seccompiler,
    /// JSON for Firecracker, the same filter for all of its threads
    Firecracker,
    /// libseccomp's pseudo code of the filter, for reading
    Pfc,
    /// The filter itself, as bubblewrap and crun take it
    Bpf,
    /// The names of the permitted calls, one a line
    Names,
}

/// Why a profile is not written in a form.
#[derive(Debug, thiserror::Error)]
enum ConvertError {
    #[error("cannot convert `{}` without loss", escape::path(.path))]
    Lossy {
        path: PathBuf,
        source: Inexpressible,
    },
    #[error("cannot convert `{}`", escape::path(.path))]
    Filter { path: PathBuf, source: FilterError },
    #[error(transparent)]
    Name(NotAName),
    #[error("a filter is no text for a terminal")]
    Terminal,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let to_stdout = arguments.output == Path::new("-");
    if arguments.to == Form::Bpf && to_stdout && std::io::stdout().is_terminal() {
        return Err(
            Failure::invalid(ConvertError::Terminal).hint("write it to a file with -o FILE")
        );
    }
    let sink = Sink::open(Some(&arguments.output))?;
    let source = base::read_profile(&arguments.profile)?;
    for remark in &source.origin.remarks {
        output::say(&format!("note: {}", escape::text(&remark.to_string())));
    }
    sink.write_bytes(&product(arguments, &source)?)?;
    Ok(Exit::Done)
}

/// The profile in the form that was asked for.
fn product(arguments: &Arguments, source: &Source) -> Result<Vec<u8>, Failure> {
    let native = Abi::X86_64;
    let path = || arguments.profile.clone();
    let lossy = |source| {
        Failure::invalid(ConvertError::Lossy {
            path: path(),
            source,
        })
    };
    let filter = |source: FilterError| {
        match source {
        FilterError::Inexpressible(source) => lossy(source),
        FilterError::Unknown(source) => lossy(source).hint(
            "a newer libseccomp knows more calls, and a profile for fewer architectures needs fewer",
        ),
        source => Failure::invalid(ConvertError::Filter {
            path: path(),
            source,
        }),
    }
    };
    if arguments.to == Form::Docker {
        return write::docker(source).map(String::into_bytes).map_err(lossy);
    }
    let profile = resolved(arguments, source, native)?;
    if arguments.to == Form::Systemd {
        ignored_by_systemd(&profile);
    }
    let text = match arguments.to {
        Form::Docker | Form::Oci => Ok(write::oci(&profile)),
        Form::Spo => write::spo(&profile, &object_name(arguments)?),
        Form::Systemd => write::systemd(&profile, native),
        Form::Seccompiler => write::seccompiler(&profile, native),
        Form::Firecracker => write::firecracker(&profile, native),
        Form::Names => write::names(&profile),
        Form::Pfc => {
            return write::pfc(&profile, native)
                .map(String::into_bytes)
                .map_err(filter);
        }
        Form::Bpf => return write::bpf(&profile, native).map_err(filter),
    };
    text.map(String::into_bytes).map_err(lossy)
}

/// The last call that libseccomp 2.5.4 knows, which systemd 252 of Debian 12 asks for numbers.
const OLD_LIBSECCOMP_LAST: &str = "set_mempolicy_home_node";

/// Says which names an older systemd leaves out, with a warning in its log that nobody sees here.
fn ignored_by_systemd(profile: &Profile) {
    let native = Abi::X86_64;
    let last = Call::named(native, OLD_LIBSECCOMP_LAST).map_or(i32::MAX, |call| call.number);
    let is_newer =
        |name: &&String| Call::named(native, name).is_some_and(|call| call.number > last);
    let names = profile.rules.iter().flat_map(|rule| &rule.names);
    let names: BTreeSet<&str> = names.filter(is_newer).map(String::as_str).collect();
    if names.is_empty() {
        return;
    }
    let left = match profile.default_action.permits() {
        true => "; they stay permitted there",
        false => "",
    };
    let names: Vec<&str> = names.into_iter().collect();
    output::say(&format!(
        "note: systemd with libseccomp 2.5.4, as in Debian 12, leaves out: {}{left}",
        escape::text(&names.join(" "))
    ));
}

/// The flat profile; says for what, where that matters.
fn resolved(arguments: &Arguments, source: &Source, native: Abi) -> Result<Profile, Failure> {
    let (circumstances, notes) = arguments.circumstances.of(&[], native)?;
    for note in &notes {
        output::say(&format!("note: {note}"));
    }
    if source.is_conditional() {
        let kernel = circumstances.kernel;
        output::say(&format!(
            "note: resolved for {native}, kernel {}.{} and {} capabilities; --kernel and --caps change that",
            kernel.major,
            kernel.minor,
            circumstances.capabilities.len()
        ));
    }
    Ok(source.resolve(&circumstances))
}

/// The name that was asked for, or one like the file's.
fn object_name(arguments: &Arguments) -> Result<String, Failure> {
    let given = arguments.name.clone();
    let name = given.unwrap_or_else(|| like(&arguments.profile));
    match write::resource_name(&name) {
        Ok(name) => Ok(name.to_owned()),
        Err(error) => {
            let NotAName(name) = error;
            let name = NotAName(escape::text(&name));
            Err(Failure::invalid(ConvertError::Name(name)).hint("give one with --name"))
        }
    }
}

/// A file's name without its end, in the letters that names of objects have.
fn like(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let letters = stem.chars().map(|c| match c.to_ascii_lowercase() {
        c if c.is_ascii_lowercase() || c.is_ascii_digit() => c,
        _ => '-',
    });
    let name: String = letters.collect();
    match name.trim_matches('-') {
        "" => "profile".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_called_like_the_file() {
        for (path, expected) in [
            ("web.json", "web"),
            ("/a/My_Profile.v2.json", "my-profile-v2"),
            ("-", "profile"),
            ("é.json", "profile"),
        ] {
            assert_eq!(like(Path::new(path)), expected, "{path}");
        }
    }
}
