//! Recordings as verbs take them: files, directories and patterns, any number, put together.
//!
//! Files are read one after the other and let go at once, so that thousands of them need no more memory than
//! what they say together.

use super::exit::Exit;
use super::failure::Failure;
use super::output;
use crate::audit::{Recorded, Taking};
use crate::recording::{self, FileError, MergeError, Runs, Void};
use crate::report::escape;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

/// How verbs describe what they take; one place, so that help says the same everywhere.
pub(super) const HELP: &str = "A recording, a directory of them (its files that end in .json), or a pattern in \
quotes like 'runs/*.json'; a recording may hold many runs, and a run that comes twice counts once; `-` is \
standard input";

/// How many recordings each reader may be ahead of the one that is being put together.
const AHEAD_MAX: usize = 4;

/// The most readers: beyond that, putting together is what takes time.
const READERS_MAX: usize = 4;

/// Fewer files than this are read without further ado.
const FEW_FILES: usize = 8;

/// Why recordings cannot be used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("cannot use `{}`", escape::path(.path))]
    File { path: PathBuf, source: FileError },
    #[error("cannot use `{}` with the others", escape::path(.path))]
    Merge { path: PathBuf, source: MergeError },
    #[error("cannot read `{}`", escape::path(.path))]
    Directory { path: PathBuf, source: io::Error },
    #[error("no recording in `{}`", escape::path(.0))]
    Empty(PathBuf),
    #[error("no file is called `{}`, and none matches it", escape::path(.0))]
    Unmatched(PathBuf),
    #[error("no run shows what the target does: {0}")]
    Void(Void),
    #[error("`{}` is incomplete: {missing} calls could not be kept", escape::path(.path))]
    Incomplete { path: PathBuf, missing: u64 },
}

/// Whether recordings in which calls are missing are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Incomplete {
    /// Carry on.
    Accept,
    /// Refuse them.
    Refuse,
}

/// Reads everything that the user named and puts it together.
pub(super) fn read(names: &[PathBuf], incomplete: Incomplete) -> Result<Recorded, Failure> {
    let mut taking = Taking::default();
    for name in names {
        taking.begin(name.to_string_lossy().into_owned());
        let (mut taken, of_directory) = (0, name.is_dir());
        each(&files(name)?, of_directory, |path, runs| {
            let Some(runs) = runs else {
                let path = escape::path(path);
                output::say(&format!("note: `{path}` is no recording and is left out"));
                return Ok(());
            };
            taken += 1;
            let missing = runs.missing();
            let path = path.to_owned();
            if missing > 0 && incomplete == Incomplete::Refuse {
                let error = Unusable::Incomplete { path, missing };
                return Err(Failure::new(Exit::Incomplete, error)
                    .hint("record again, or accept what is there with --allow-incomplete"));
            }
            taking
                .take(runs)
                .map_err(|source| unmergeable(path, source))
        })?;
        if taken == 0 {
            return Err(Failure::invalid(Unusable::Empty(name.clone())));
        }
    }
    Ok(taking.finish())
}

fn unmergeable(path: PathBuf, source: MergeError) -> Failure {
    let hint = match &source {
        MergeError::Architectures { .. } => "make a profile for each architecture",
        MergeError::Conflict { .. } => {
            "an id names one run; find out which of the two files was changed, and leave it out"
        }
        MergeError::TooMany => "give fewer recordings",
    };
    Failure::invalid(Unusable::Merge { path, source }).hint(hint)
}

/// Reads a file; `None` if it is in a directory and none of ours.
fn read_among(path: &Path, of_directory: bool) -> Result<Option<Runs>, Failure> {
    let text = output::read(path)?;
    match recording::read(&text) {
        // What was cut off may have been one.
        Err(FileError::Json(error))
            if of_directory && !error.is_eof() && !is_meant_as_one(&text) =>
        {
            Ok(None)
        }
        _ => parse(path, &text).map(Some),
    }
}

/// Whether a text that cannot be read was to be a recording: one that was changed is not left out.
fn is_meant_as_one(text: &str) -> bool {
    let start: String = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .take(64)
        .collect();
    let has_keys = |value: serde_json::Value| {
        let keys = ["schemaVersion", "facts", "losses"];
        keys.iter().filter(|key| value.get(key).is_some()).count() > 1
    };
    let is_start = start.starts_with("{\"schemaVersion\":2,\"programs\":[");
    is_start || serde_json::from_str(text).is_ok_and(has_keys)
}

/// Whether any of the runs shows anything at all.
pub(super) fn not_blank(runs: &Runs) -> Result<(), Failure> {
    let voids = runs.voids();
    let blank = voids.values().copied().filter(|void| void.is_blank());
    let (blanks, first) = (blank.clone().count(), blank.min());
    match first.filter(|_| blanks == runs.runs().len()) {
        Some(void) => Err(Failure::new(Exit::Incomplete, Unusable::Void(void))),
        None => Ok(()),
    }
}

/// Whether any of the runs says what its target does; those that do not are mentioned.
pub(super) fn shown(runs: &Runs, incomplete: Incomplete) -> Result<(), Failure> {
    let voids = runs.voids();
    let all = runs.runs().len();
    let Some((_, &first)) = voids.first_key_value() else {
        return Ok(());
    };
    if voids.len() < all || incomplete == Incomplete::Accept {
        let voids = voids.len();
        output::say(&format!(
            "note: {voids} of {all} runs never started, did nothing or failed; they do not count in what is to be \
             expected"
        ));
        return Ok(());
    }
    Err(Failure::new(Exit::Incomplete, Unusable::Void(first))
        .hint("run it again so that it works, or take what is there with --allow-incomplete"))
}

/// Reads the text of a file.
pub(super) fn parse(path: &Path, text: &str) -> Result<Runs, Failure> {
    recording::read(text).map_err(|source| {
        Failure::invalid(Unusable::File {
            path: path.to_owned(),
            source,
        })
    })
}

/// The files that a name stands for, in order.
pub(super) fn files(name: &Path) -> Result<Vec<PathBuf>, Failure> {
    match std::fs::metadata(name) {
        Ok(there) if there.is_dir() => directory(name),
        Err(_) if is_pattern(name) => pattern(name),
        // What cannot be read says why when it is.
        _ => Ok(vec![name.to_owned()]),
    }
}

fn directory(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let problem = |source| {
        let path = path.to_owned();
        Failure::invalid(Unusable::Directory { path, source })
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(problem)? {
        let entry = entry.map_err(problem)?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let path = entry.path();
        let is_json = path
            .extension()
            .is_some_and(|extension| extension == "json");
        // A pipe in a directory would be waited for.
        if is_json && !hidden && path.is_file() {
            found.push(path);
        }
    }
    found.sort_unstable();
    if found.is_empty() {
        return Err(Failure::invalid(Unusable::Empty(path.to_owned()))
            .hint("recordings in a directory are its files that end in .json"));
    }
    Ok(found)
}

/// Whether a name can be read as a pattern, and says more than itself.
fn is_pattern(name: &Path) -> bool {
    let name = name.to_str().unwrap_or_default();
    name.contains(['*', '?', '[']) && glob::Pattern::new(name).is_ok()
}

fn pattern(name: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unmatched = || Failure::invalid(Unusable::Unmatched(name.to_owned()));
    let pattern = name.to_str().ok_or_else(unmatched)?;
    let matches = glob::glob(pattern).map_err(|_| unmatched())?;
    let mut found: Vec<PathBuf> = matches.flatten().filter(|path| path.is_file()).collect();
    found.sort_unstable();
    if found.is_empty() {
        return Err(unmatched());
    }
    Ok(found)
}

/// Reads files, several at a time, and hands them on in order.
fn each(
    files: &[PathBuf],
    of_directory: bool,
    mut take: impl FnMut(&Path, Option<Runs>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let readers = thread::available_parallelism().map_or(1, NonZero::get);
    let readers = readers.min(READERS_MAX);
    if readers == 1 || files.len() < FEW_FILES {
        return files
            .iter()
            .try_for_each(|path| take(path, read_among(path, of_directory)?));
    }
    thread::scope(|scope| {
        let start = |first: usize| -> Receiver<Result<Option<Runs>, Failure>> {
            let (sender, receiver) = sync_channel(AHEAD_MAX);
            scope.spawn(move || {
                // Sending fails when nobody wants to know any more.
                let own = files.iter().skip(first).step_by(readers);
                let _ = own
                    .map(|path| sender.send(read_among(path, of_directory)))
                    .find(Result::is_err);
            });
            receiver
        };
        let receivers: Vec<_> = (0..readers).map(start).collect();
        let mut turns = receivers.iter().cycle();
        files.iter().try_for_each(|path| {
            let runs = turns.next().and_then(|receiver| receiver.recv().ok());
            take(
                path,
                runs.expect("a reader sends one result for each file")?,
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing;
    use std::fs;

    fn write(directory: &Path, name: &str, run_id: &str) {
        let text = recording::to_json(&testing::recording(run_id, vec![]));
        fs::write(directory.join(name), text).unwrap();
    }

    #[test]
    fn names_stand_for_files() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for name in ["b.json", "a.json", ".hidden.json", "notes.txt", "x[1].json"] {
            write(root, name, name);
        }
        fs::create_dir(root.join("sub.json")).unwrap();
        let table: [(&str, &[&str]); 7] = [
            ("", &["a.json", "b.json", "x[1].json"]),
            ("a.json", &["a.json"]),
            ("?.json", &["a.json", "b.json"]),
            ("x[1].json", &["x[1].json"]),
            ("*", &["a.json", "b.json", "notes.txt", "x[1].json"]),
            ("missing.json", &["missing.json"]),
            ("[2J", &["[2J"]),
        ];
        for (name, expected) in table {
            let found = files(&root.join(name)).unwrap();
            let found: Vec<_> = found
                .iter()
                .map(|path| path.strip_prefix(root).unwrap())
                .collect();
            let mut found: Vec<_> = found.iter().map(|path| path.to_str().unwrap()).collect();
            // A pattern may show hidden files; what they are called is the pattern's business.
            found.retain(|name| !name.starts_with('.'));
            assert_eq!(found, expected, "{name}");
        }
        for (name, expected) in [("sub.json", "no recording in"), ("z*", "none matches it")] {
            let failure = files(&root.join(name)).unwrap_err();
            assert!(failure.error.to_string().contains(expected), "{name}");
        }
    }

    #[test]
    fn many_files_come_in_order_and_the_first_bad_one_is_named() {
        let directory = tempfile::tempdir().unwrap();
        for number in 0..40 {
            write(
                directory.path(),
                &format!("{number:02}.json"),
                &format!("run-{number}"),
            );
        }
        let all = files(directory.path()).unwrap();
        let mut taken = Vec::new();
        each(&all, false, |path, runs| {
            taken.push((path.to_owned(), runs.unwrap().runs()[0].id.clone()));
            Ok(())
        })
        .unwrap();
        let expected = (0..40).map(|number| {
            let name = format!("{number:02}.json");
            (directory.path().join(name), format!("run-{number}"))
        });
        assert_eq!(taken, expected.collect::<Vec<_>>());

        for bad in ["31.json", "17.json"] {
            fs::write(directory.path().join(bad), "{").unwrap();
        }
        let failure = read(&[directory.path().to_owned()], Incomplete::Refuse).unwrap_err();
        assert!(failure.error.to_string().contains("17.json"), "{failure:?}");
    }

    #[test]
    fn what_does_not_belong_together_is_refused_with_its_name() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), "a.json", "one");
        let mut other = testing::recording("two", vec![]);
        other.host.architecture = "aarch64".to_owned();
        fs::write(directory.path().join("b.json"), recording::to_json(&other)).unwrap();
        let failure = read(&[directory.path().to_owned()], Incomplete::Refuse).unwrap_err();
        assert_eq!(failure.exit, Exit::Invalid);
        let cause = failure.error.source().unwrap().to_string();
        assert_eq!(
            cause,
            "runs on `x86_64` and on `aarch64` cannot be put together"
        );
        assert!(failure.error.to_string().contains("b.json"));
    }
}
