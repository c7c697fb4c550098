//! Which names are most like one that was mistyped. It knows letters, not calls.

/// How much of a name counts. The work grows with the square of it, and names come from outside.
const LENGTH_MAX: usize = 128;

/// The names nearest to `wanted`: those that contain it first, then by distance, then by name.
pub(crate) fn nearest<'a>(
    wanted: &str,
    names: impl Iterator<Item = &'a str>,
    count: usize,
) -> Vec<String> {
    let names = names.filter(|name| !name.is_empty());
    let rank = |name: &'a str| (!name.contains(wanted), distance(wanted, name), name);
    let mut ranked: Vec<(bool, usize, &str)> = names.map(rank).collect();
    ranked.sort_unstable();
    let nearest = ranked.into_iter().take(count);
    nearest.map(|(_, _, name)| name.to_owned()).collect()
}

/// The names that were probably meant: few letters away from `wanted`, at most three of them, the nearest
/// first.
pub(crate) fn similar<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    const SIMILAR_MAX: usize = 3;
    let far = (wanted.chars().count() / 3).clamp(1, 3);
    // The same word for another width or release of the kernel's is nearer than one of other letters.
    let stem = stem(wanted);
    let distance = |name: &str| match !stem.is_empty() && stem == self::stem(name) {
        true => 0,
        false => distance(wanted, name),
    };
    let ranked = names.map(|name| (distance(name), name));
    let mut ranked: Vec<_> = ranked.filter(|&(distance, _)| distance <= far).collect();
    ranked.sort_unstable();
    ranked.dedup();
    ranked
        .into_iter()
        .map(|(_, name)| name)
        .take(SIMILAR_MAX)
        .collect()
}

/// A name without what tells its releases and widths apart: `pread64`, `newfstatat` and `_llseek`.
fn stem(name: &str) -> &str {
    let name = name.trim_start_matches('_');
    let name = name.strip_prefix("new").unwrap_or(name);
    name.trim_end_matches(|c: char| c.is_ascii_digit())
}

/// The one name that was probably meant, typed with the wrong letters or the right ones in another order.
pub(crate) fn mistyped<'a>(
    found: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    let letters = |word: &str| {
        let lower = word
            .chars()
            .take(LENGTH_MAX)
            .map(|c| c.to_ascii_lowercase());
        let mut letters: Vec<char> = lower.collect();
        letters.sort_unstable();
        letters
    };
    let wanted = letters(found);
    let same = names.clone().find(|name| letters(name) == wanted);
    same.or_else(|| similar(found, names).first().copied())
}

/// How many letters have to be put in, taken out or changed to make one word of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(LENGTH_MAX).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.chars().take(LENGTH_MAX).enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, &opposite) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != opposite);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_levenshtein() {
        for (one, other, expected) in [
            ("", "", 0),
            ("web", "", 3),
            ("", "web", 3),
            ("kitten", "sitting", 3),
            ("web1", "web2", 1),
            ("wbe", "web", 2),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn what_contains_it_comes_first_then_the_nearest() {
        let names = ["redis", "prod-web-frontend", "wbe", "db", "web-1", ""];
        assert_eq!(
            nearest("web", names.into_iter(), 3),
            ["web-1", "prod-web-frontend", "db"]
        );
    }

    #[test]
    fn what_was_probably_meant_is_few_letters_away() {
        let names = ["open", "openat", "openat2", "read", "open"];
        let meant = |wanted| similar(wanted, names.into_iter());
        assert_eq!(meant("opeen"), ["open"]);
        assert_eq!(meant("openta"), ["open", "openat", "openat2"]);
        assert_eq!(meant("redd"), ["read"]);
        assert_eq!(meant("x"), [""; 0]);
        let calls = [
            "read",
            "pread64",
            "fstatat64",
            "newfstatat",
            "_llseek",
            "prlimit64",
        ];
        let meant = |wanted| similar(wanted, calls.into_iter());
        assert_eq!(meant("pread").first(), Some(&"pread64"));
        assert_eq!(meant("fstatat")[..2], ["fstatat64", "newfstatat"]);
        assert_eq!(meant("llseek"), ["_llseek"]);
        let keys = ["names", "action", "args"];
        assert_eq!(mistyped("nmaes", keys.into_iter()), Some("names"));
        assert_eq!(
            mistyped("syscall", ["syscalls"].into_iter()),
            Some("syscalls")
        );
        assert_eq!(mistyped("$schema", keys.into_iter()), None);
    }
}
