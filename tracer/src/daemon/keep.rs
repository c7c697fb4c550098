//! How long recordings are kept, and how many bytes of them. Pure.

use std::str::FromStr;
use std::time::{Duration, SystemTime};

/// What is kept of recordings that have ended. Without a limit, everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// None that was last written longer ago.
    pub age: Option<Duration>,
    /// So many bytes together, the newest.
    pub bytes: Option<u64>,
}

/// One limit on the command line: `30d`, `12h`, or `10GB`, `512MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepLimit {
    /// A time.
    Age(Duration),
    /// A size.
    Bytes(u64),
}

/// Text that is no limit.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither a time, like 30d or 12h, nor a size, like 10GB or 512MiB")]
pub struct NoLimit;

/// Seconds of a day.
const DAY_S: u64 = 24 * 60 * 60;

/// What a unit stands for: bytes, or seconds.
fn unit(word: &str) -> Option<KeepLimit> {
    let seconds = |count| KeepLimit::Age(Duration::from_secs(count));
    Some(match word {
        "s" => seconds(1),
        "m" | "min" => seconds(60),
        "h" => seconds(60 * 60),
        "d" => seconds(DAY_S),
        "w" => seconds(7 * DAY_S),
        "kB" => KeepLimit::Bytes(1_000),
        "MB" => KeepLimit::Bytes(1_000_000),
        "GB" => KeepLimit::Bytes(1_000_000_000),
        "TB" => KeepLimit::Bytes(1_000_000_000_000),
        "KiB" => KeepLimit::Bytes(1 << 10),
        "MiB" => KeepLimit::Bytes(1 << 20),
        "GiB" => KeepLimit::Bytes(1 << 30),
        "TiB" => KeepLimit::Bytes(1 << 40),
        _ => return None,
    })
}

impl FromStr for KeepLimit {
    type Err = NoLimit;

    fn from_str(text: &str) -> Result<Self, NoLimit> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, word) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| NoLimit)?;
        let limit = match unit(word).ok_or(NoLimit)? {
            Self::Age(one) => {
                let seconds = one.as_secs().checked_mul(number);
                seconds.map(|seconds| Self::Age(Duration::from_secs(seconds)))
            }
            Self::Bytes(one) => one.checked_mul(number).map(Self::Bytes),
        };
        limit.filter(|_| number > 0).ok_or(NoLimit)
    }
}

impl FromIterator<KeepLimit> for Keep {
    /// Of several limits of a kind the last one counts.
    fn from_iter<I: IntoIterator<Item = KeepLimit>>(limits: I) -> Self {
        let mut keep = Self::default();
        for limit in limits {
            match limit {
                KeepLimit::Age(age) => keep.age = Some(age),
                KeepLimit::Bytes(bytes) => keep.bytes = Some(bytes),
            }
        }
        keep
    }
}

/// A recording that has ended, as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) stem: String,
    pub(super) written: SystemTime,
    pub(super) bytes: u64,
}

impl Keep {
    /// Whether everything is kept.
    pub(super) fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Those that are not kept.
    pub(super) fn surplus(&self, mut all: Vec<Kept>, now: SystemTime) -> Vec<Kept> {
        // The newest first; of those of one moment, always in the same order.
        all.sort_by(|one, other| (other.written, &other.stem).cmp(&(one.written, &one.stem)));
        let mut bytes: u64 = 0;
        let mut is_surplus = |one: &Kept| {
            let age = now.duration_since(one.written).unwrap_or_default();
            bytes = bytes.saturating_add(one.bytes);
            self.age.is_some_and(|most| age > most) || self.bytes.is_some_and(|most| bytes > most)
        };
        all.retain(|one| is_surplus(one));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_they_are_documented() {
        let age = |seconds| Ok(KeepLimit::Age(Duration::from_secs(seconds)));
        for (text, expected) in [
            ("30d", age(30 * DAY_S)),
            ("12h", age(12 * 3600)),
            ("90s", age(90)),
            ("2w", age(14 * DAY_S)),
            ("10GB", Ok(KeepLimit::Bytes(10_000_000_000))),
            ("512MiB", Ok(KeepLimit::Bytes(512 << 20))),
            ("", Err(NoLimit)),
            ("7", Err(NoLimit)),
            ("0d", Err(NoLimit)),
            ("-1d", Err(NoLimit)),
            ("d", Err(NoLimit)),
            ("1.5GB", Err(NoLimit)),
            ("99999999999999999999d", Err(NoLimit)),
            ("99999999999999TB", Err(NoLimit)),
        ] {
            assert_eq!(text.parse(), expected, "{text}");
        }
        let both = [KeepLimit::Bytes(1), KeepLimit::Age(Duration::MAX)];
        let keep: Keep = both.into_iter().collect();
        assert_eq!((keep.age, keep.bytes), (Some(Duration::MAX), Some(1)));
    }

    #[test]
    fn the_oldest_go_first() {
        let start = SystemTime::UNIX_EPOCH;
        let at = |seconds| start + Duration::from_secs(seconds);
        let kept = |stem: &str, seconds, bytes| Kept {
            stem: stem.to_owned(),
            written: at(seconds),
            bytes,
        };
        let all = || vec![kept("b", 20, 40), kept("a", 10, 40), kept("c", 30, 40)];
        let gone = |age: Option<u64>, bytes| {
            let age = age.map(Duration::from_secs);
            let surplus = Keep { age, bytes }.surplus(all(), at(40));
            let mut stems: Vec<String> = surplus.into_iter().map(|one| one.stem).collect();
            stems.sort();
            stems.concat()
        };
        assert_eq!(gone(None, None), "");
        assert_eq!(gone(Some(25), None), "a");
        assert_eq!(gone(Some(5), None), "abc");
        assert_eq!(gone(None, Some(120)), "");
        assert_eq!(gone(None, Some(119)), "a");
        assert_eq!(gone(None, Some(0)), "abc");
        assert_eq!(gone(Some(15), Some(119)), "ab");
        // A clock that was set back makes nothing old.
        let future = vec![kept("x", 50, 1)];
        let keep = Keep {
            age: Some(Duration::ZERO),
            bytes: None,
        };
        assert_eq!(keep.surplus(future, at(40)), []);
    }
}
