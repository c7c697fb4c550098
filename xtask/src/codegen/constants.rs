//! Constants of a Rust source file: integers and variants of C-like enumerations, in the file's order.
//!
//! Knows the shapes that binding generators write, one definition a line, and nothing else of Rust.

/// What a file defines.
pub(super) struct Constants {
    all: Vec<Constant>,
}

/// One definition.
pub(super) struct Constant {
    /// The enumeration that it is a variant of.
    pub(super) of: Option<String>,
    pub(super) name: String,
    pub(super) value: u64,
}

impl Constants {
    pub(super) fn of(text: &str) -> Self {
        let mut all = Vec::new();
        let mut inside: Option<String> = None;
        for line in text.lines().map(str::trim) {
            if let Some(rest) = line.strip_prefix("pub enum ") {
                inside = rest.split([' ', '{']).next().map(str::to_owned);
            } else if line.starts_with('}') {
                inside = None;
            } else if let Some((name, value)) = definition(line, inside.is_some()) {
                all.push(Constant {
                    of: inside.clone(),
                    name: name.to_owned(),
                    value,
                });
            }
        }
        Self { all }
    }

    /// The definitions, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Constant> {
        self.all.iter()
    }
}

/// `pub const NAME: u32 = 7;`, or, inside of an enumeration, `NAME = 7,`.
fn definition(line: &str, variant: bool) -> Option<(&str, u64)> {
    let (name, value) = if variant {
        line.strip_suffix(',')?.split_once(" = ")?
    } else {
        let (name, rest) = line.strip_prefix("pub const ")?.split_once(": ")?;
        (name, rest.split_once(" = ")?.1.strip_suffix(';')?)
    };
    Some((name, integer(value)?))
}

/// An integer as Rust writes it; negative ones become the bits of an `int`.
fn integer(text: &str) -> Option<u64> {
    let text = text.replace('_', "");
    if let Some(text) = text.strip_prefix("0x") {
        return u64::from_str_radix(text, 16).ok();
    }
    let number: i64 = text.parse().ok()?;
    let bits = i32::try_from(number).map_or_else(
        |_| number.cast_unsigned(),
        |small| u64::from(small.cast_unsigned()),
    );
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_and_variants_are_found_and_nothing_else() {
        let text = "pub const A_ONE: u32 = 1;\npub const A_HEX: c_int = 0x0F;\npub const A_TEXT: &[u8; 2] = b\"a\\0\";\n\
            pub const A_MINUS: i32 = -1;\npub enum kind {\nB_ZERO = 0,\nB_BIG = 4_294_967_296,\n}\n\
            pub const C: kind = kind::B_ZERO;\nstatic D: u8 = 1;\n";
        let found = Constants::of(text);
        let shown: Vec<_> = found
            .iter()
            .map(|one| (one.of.as_deref(), one.name.as_str(), one.value))
            .collect();
        assert_eq!(
            shown,
            [
                (None, "A_ONE", 1),
                (None, "A_HEX", 15),
                (None, "A_MINUS", 0xFFFF_FFFF),
                (Some("kind"), "B_ZERO", 0),
                (Some("kind"), "B_BIG", 1 << 32),
            ]
        );
    }
}
