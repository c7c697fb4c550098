//! The annotation by which a container asks to be traced: `of:/profile.json;if:/input.json`.
//!
//! The grammar is oci-seccomp-bpf-hook's, its oddities included, so that what was written for that hook means
//! the same here.

use crate::report::escape;
use std::path::{Path, PathBuf};

/// The key of the annotation.
pub const ANNOTATION: &str = "io.containers.trace-syscall";

/// What a container asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// Where the profile goes: an absolute path.
    pub output: PathBuf,
    /// A profile that the result adds to: an absolute path.
    pub input: Option<PathBuf>,
}

/// What is wrong with an annotation. Its words are hostile and escaped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnnotationError {
    /// More than an output and an input.
    #[error("{0} parts, more than the two that there are: `of:` and `if:`")]
    TooMany(usize),
    /// A part that says nothing.
    #[error("a part is empty; parts are `of:/path` and `if:/path`, with a semicolon between them")]
    Empty,
    /// A part that is neither.
    #[error("`{}` begins with neither `of:` nor `if:`", escape::text(.0))]
    Unknown(String),
    /// A path that depends on who reads it.
    #[error("`{}` in `{prefix}` is not an absolute path", escape::text(.path))]
    Relative {
        /// `of:` or `if:`.
        prefix: &'static str,
        /// What is there instead.
        path: String,
    },
    /// There is nowhere to write to.
    #[error("`of:` is missing, which says where the profile goes")]
    NoOutput,
}

impl Annotation {
    /// Reads the value of the annotation.
    ///
    /// # Errors
    ///
    /// [`AnnotationError`] if it does not say what to do.
    pub fn parse(text: &str) -> Result<Self, AnnotationError> {
        let parts: Vec<&str> = text.split(';').collect();
        if parts.len() > 2 {
            return Err(AnnotationError::TooMany(parts.len()));
        }
        let (mut output, mut input) = (None, None);
        // Where two parts are of one kind, the last counts.
        for part in parts {
            if let Some(path) = part.strip_prefix("of:") {
                output = Some(absolute("of:", path)?);
            } else if let Some(path) = part.strip_prefix("if:") {
                input = Some(absolute("if:", path)?);
            } else if part.trim().is_empty() {
                return Err(AnnotationError::Empty);
            } else {
                return Err(AnnotationError::Unknown(part.to_owned()));
            }
        }
        let output = output.ok_or(AnnotationError::NoOutput)?;
        Ok(Self { output, input })
    }
}

fn absolute(prefix: &'static str, path: &str) -> Result<PathBuf, AnnotationError> {
    let path = path.trim();
    if Path::new(path).is_absolute() {
        return Ok(path.into());
    }
    let path = path.to_owned();
    Err(AnnotationError::Relative { prefix, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_says_where_the_profile_goes_and_what_it_adds_to() {
        let table: [(&str, &str, Option<&str>); 8] = [
            ("of:/o.json", "/o.json", None),
            ("of:/o.json;if:/i.json", "/o.json", Some("/i.json")),
            ("if:/i.json;of:/o.json", "/o.json", Some("/i.json")),
            ("of: /o.json ;if:\t/i.json ", "/o.json", Some("/i.json")),
            ("of:/a b/o.json", "/a b/o.json", None),
            ("of:/first;of:/last", "/last", None),
            ("of:/o:if:/x", "/o:if:/x", None),
            ("of:/../o", "/../o", None),
        ];
        for (text, output, input) in table {
            let expected = Annotation {
                output: output.into(),
                input: input.map(Into::into),
            };
            assert_eq!(Annotation::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_an_annotation_lacks_is_said() {
        let table = [
            (
                "",
                "a part is empty; parts are `of:/path` and `if:/path`, with a semicolon between them",
            ),
            (
                "of:/o;",
                "a part is empty; parts are `of:/path` and `if:/path`, with a semicolon between them",
            ),
            (
                "of:/o;if:/i;if:/j",
                "3 parts, more than the two that there are: `of:` and `if:`",
            ),
            (
                "of:/o;if:/i;",
                "3 parts, more than the two that there are: `of:` and `if:`",
            ),
            (
                "if:/i",
                "`of:` is missing, which says where the profile goes",
            ),
            (
                "if:/i;if:/j",
                "`of:` is missing, which says where the profile goes",
            ),
            ("of:o.json", "`o.json` in `of:` is not an absolute path"),
            ("of:", "`` in `of:` is not an absolute path"),
            (
                "of:/o;if:i.json",
                "`i.json` in `if:` is not an absolute path",
            ),
            ("/o.json", "`/o.json` begins with neither `of:` nor `if:`"),
            (" of:/o", "` of:/o` begins with neither `of:` nor `if:`"),
            (
                "of:/o; if:/i",
                "` if:/i` begins with neither `of:` nor `if:`",
            ),
            ("OF:/o", "`OF:/o` begins with neither `of:` nor `if:`"),
            (
                "x\u{1b}[2J",
                "`x\\u{1b}[2J` begins with neither `of:` nor `if:`",
            ),
        ];
        for (text, expected) in table {
            let error = Annotation::parse(text).unwrap_err();
            assert_eq!(error.to_string(), expected, "{text}");
        }
    }
}
