//! Where members are in the running kernel's structures, from its BTF.
//!
//! Reads just enough of the format to find a named member of a named structure, through anonymous
//! structures and unions. <https://docs.kernel.org/bpf/btf.html>

use std::collections::HashMap;

/// Why an offset could not be found.
#[derive(Debug, thiserror::Error)]
pub enum BtfError {
    /// The bytes are not BTF, or are cut off.
    #[error("malformed BTF at byte {0}")]
    Malformed(usize),
    /// There is no such structure or member.
    #[error("this kernel's BTF has no `{0}`")]
    Missing(String),
}

const MAGIC: u16 = 0xEB9F;

/// Type kinds whose descriptions are longer than their three words.
mod kind {
    pub(super) const INT: u32 = 1;
    pub(super) const PTR: u32 = 2;
    pub(super) const ARRAY: u32 = 3;
    pub(super) const STRUCT: u32 = 4;
    pub(super) const UNION: u32 = 5;
    pub(super) const ENUM: u32 = 6;
    pub(super) const TYPEDEF: u32 = 8;
    pub(super) const VOLATILE: u32 = 9;
    pub(super) const CONST: u32 = 10;
    pub(super) const RESTRICT: u32 = 11;
    pub(super) const FUNC: u32 = 12;
    pub(super) const FUNC_PROTO: u32 = 13;
    pub(super) const VAR: u32 = 14;
    pub(super) const DATASEC: u32 = 15;
    pub(super) const DECL_TAG: u32 = 17;
    pub(super) const TYPE_TAG: u32 = 18;
    pub(super) const ENUM64: u32 = 19;
}

/// The most members that are looked at for one name; `task_struct` has some 300. Types may contain each other
/// in bytes that no compiler made, and would then be searched for ever.
const MEMBERS_MAX: u32 = 100_000;

/// A member that is looked for.
struct Search<'a> {
    wanted: &'a [u8],
    /// How many more members may be looked at.
    left: u32,
}

/// A type: where its three words are.
#[derive(Clone, Copy)]
struct Type {
    at: usize,
}

/// Parsed BTF, borrowed from its bytes.
pub(super) struct Btf<'a> {
    bytes: &'a [u8],
    strings: usize,
    types: Vec<Type>,
    structures: HashMap<&'a [u8], usize>,
}

impl<'a> Btf<'a> {
    /// Indexes the bytes of `/sys/kernel/btf/vmlinux`.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, BtfError> {
        let mut btf = Self {
            bytes,
            strings: 0,
            types: Vec::new(),
            structures: HashMap::new(),
        };
        let header = btf.word(4)? as usize;
        let magic = btf.word(0)? & 0xFFFF;
        if magic != u32::from(MAGIC) {
            return Err(BtfError::Malformed(0));
        }
        let (start, length) = (btf.word(8)? as usize, btf.word(12)? as usize);
        btf.strings = header + btf.word(16)? as usize;
        let mut at = header + start;
        let end = at + length;
        while at < end {
            btf.types.push(Type { at });
            let (name, kind, len) = btf.head(Type { at })?;
            if kind == kind::STRUCT && name != 0 {
                let name = btf.string(name)?;
                btf.structures.insert(name, btf.types.len());
            }
            at += 12 + tail_len(kind, len);
        }
        Ok(btf)
    }

    /// Offset in bytes of a member given as `structure.member.member`.
    pub(super) fn offset(&self, path: &str) -> Result<u32, BtfError> {
        let missing = || BtfError::Missing(path.to_owned());
        let (structure, members) = path.split_once('.').ok_or_else(missing)?;
        let mut id = *self
            .structures
            .get(structure.as_bytes())
            .ok_or_else(missing)?;
        let mut bits: u32 = 0;
        for member in members.split('.') {
            let mut search = Search {
                wanted: member.as_bytes(),
                left: MEMBERS_MAX,
            };
            let (offset, next) = self.member(id, &mut search, 0)?.ok_or_else(missing)?;
            bits = bits.checked_add(offset).ok_or_else(missing)?;
            id = next;
        }
        Ok(bits / 8)
    }

    /// Whether the kernel has a function of that name.
    pub(super) fn has_function(&self, name: &str) -> bool {
        self.function(name).is_some()
    }

    /// What a function's parameters point to, by name; `None` for one that points to no named structure.
    pub(super) fn parameters(&self, name: &str) -> Result<Vec<Option<&'a [u8]>>, BtfError> {
        let missing = || BtfError::Missing(name.to_owned());
        let function = self.function(name).ok_or_else(missing)?;
        let prototype = self.word(function.at + 8)? as usize;
        let prototype = self.of_id(prototype).ok_or_else(missing)?;
        let (_, _, len) = self.head(prototype)?;
        let parameter = |place: usize| {
            let id = self.word(prototype.at + 12 + 8 * place + 4)? as usize;
            let Some(pointer) = self.of_id(id) else {
                return Ok(None);
            };
            if self.head(pointer)?.1 != kind::PTR {
                return Ok(None);
            }
            let Some(structure) = self.structure(self.word(pointer.at + 8)? as usize)? else {
                return Ok(None);
            };
            self.string(self.head(structure)?.0).map(Some)
        };
        (0..len as usize).map(parameter).collect()
    }

    fn function(&self, name: &str) -> Option<Type> {
        let mut types = self.types.iter().copied();
        types.find(|&found| {
            self.head(found).is_ok_and(|(string, kind, _)| {
                kind == kind::FUNC
                    && self
                        .string(string)
                        .is_ok_and(|found| found == name.as_bytes())
            })
        })
    }

    fn of_id(&self, id: usize) -> Option<Type> {
        id.checked_sub(1)
            .and_then(|index| self.types.get(index))
            .copied()
    }

    /// Offset in bits and type of a member, looked for in anonymous members too.
    fn member(
        &self,
        id: usize,
        search: &mut Search<'_>,
        depth: u8,
    ) -> Result<Option<(u32, usize)>, BtfError> {
        const DEPTH_MAX: u8 = 16;
        let Some(structure) = self.structure(id)? else {
            return Ok(None);
        };
        let (_, _, len) = self.head(structure)?;
        let has_bitfields = self.word(structure.at + 4)? >> 31 == 1;
        for member in 0..len as usize {
            let at = structure.at + 12 + 12 * member;
            search.left = search.left.checked_sub(1).ok_or(BtfError::Malformed(at))?;
            let (name, id) = (self.word(at)?, self.word(at + 4)? as usize);
            let offset = self.word(at + 8)?;
            let offset = if has_bitfields {
                offset & 0x00FF_FFFF
            } else {
                offset
            };
            if name != 0 && self.string(name)? == search.wanted {
                return Ok(Some((offset, id)));
            }
            if self.string(name)?.is_empty()
                && depth < DEPTH_MAX
                && let Some((inner, id)) = self.member(id, search, depth + 1)?
            {
                let sum = offset.checked_add(inner);
                return Ok(Some((sum.ok_or(BtfError::Malformed(at))?, id)));
            }
        }
        Ok(None)
    }

    /// The structure or union behind typedefs and qualifiers.
    fn structure(&self, mut id: usize) -> Result<Option<Type>, BtfError> {
        const STEPS_MAX: usize = 32;
        for _ in 0..STEPS_MAX {
            let Some(found) = self.of_id(id) else {
                return Ok(None);
            };
            match self.head(found)?.1 {
                kind::STRUCT | kind::UNION => return Ok(Some(found)),
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                    id = self.word(found.at + 8)? as usize;
                }
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Name, kind and number of members.
    fn head(&self, found: Type) -> Result<(u32, u32, u32), BtfError> {
        let info = self.word(found.at + 4)?;
        Ok((self.word(found.at)?, info >> 24 & 0x1F, info & 0xFFFF))
    }

    fn word(&self, at: usize) -> Result<u32, BtfError> {
        let bytes = self.bytes.get(at..at + 4).ok_or(BtfError::Malformed(at))?;
        Ok(u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn string(&self, offset: u32) -> Result<&'a [u8], BtfError> {
        let at = self.strings + offset as usize;
        let rest = self.bytes.get(at..).ok_or(BtfError::Malformed(at))?;
        let end = rest
            .iter()
            .position(|&byte| byte == 0)
            .ok_or(BtfError::Malformed(at))?;
        Ok(&rest[..end])
    }
}

/// Bytes after the three words of a type.
fn tail_len(kind: u32, len: u32) -> usize {
    let len = len as usize;
    match kind {
        kind::INT | kind::VAR | kind::DECL_TAG => 4,
        kind::ARRAY => 12,
        kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => 12 * len,
        kind::ENUM | kind::FUNC_PROTO => 8 * len,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `struct outer { int a; struct { inner b; }; }`, `typedef struct { int c; int d; } inner`.
    fn sample() -> Vec<u8> {
        let strings = b"\0outer\0a\0b\0c\0d\0inner\0int\0";
        let at = |name: &str| {
            let name = [name.as_bytes(), b"\0"].concat();
            let found = strings
                .windows(name.len())
                .position(|window| window == name);
            u32::try_from(found.unwrap()).unwrap()
        };
        let types: Vec<u32> = [
            vec![at("int"), kind::INT << 24, 4, 0],
            vec![0, kind::STRUCT << 24 | 2, 8, at("c"), 1, 0, at("d"), 1, 32],
            vec![at("inner"), kind::TYPEDEF << 24, 2],
            vec![0, kind::STRUCT << 24 | 1, 8, at("b"), 3, 0],
            vec![
                at("outer"),
                kind::STRUCT << 24 | 2,
                12,
                at("a"),
                1,
                0,
                0,
                4,
                32,
            ],
        ]
        .concat();
        let types: Vec<u8> = types.into_iter().flat_map(u32::to_ne_bytes).collect();
        let len = u32::try_from(types.len()).unwrap();
        let header = [
            0x0001_EB9F,
            24,
            0,
            len,
            len,
            u32::try_from(strings.len()).unwrap(),
        ];
        let header: Vec<u8> = header.into_iter().flat_map(u32::to_ne_bytes).collect();
        [header, types, strings.to_vec()].concat()
    }

    #[test]
    fn members_are_found_through_anonymous_structures_and_typedefs() {
        let bytes = sample();
        let btf = Btf::parse(&bytes).unwrap();
        assert_eq!(btf.offset("outer.a").unwrap(), 0);
        assert_eq!(btf.offset("outer.b.d").unwrap(), 8);
        assert_eq!(
            btf.offset("outer.z").unwrap_err().to_string(),
            "this kernel's BTF has no `outer.z`"
        );
        assert!(btf.offset("nothing.a").is_err());
    }

    #[test]
    fn cut_off_bytes_are_refused_or_lack_the_member() {
        let bytes = sample();
        for end in 0..bytes.len() {
            let found = Btf::parse(&bytes[..end]).and_then(|btf| btf.offset("outer.b.d"));
            assert!(found.is_err() || found.unwrap() == 8, "cut at {end}");
        }
    }

    #[test]
    fn structures_that_contain_themselves_are_not_searched_for_ever() {
        // `struct a { struct a; …; struct a; }`: each of the members leads to all of them again.
        const MEMBERS: u32 = 64;
        let strings = b"\0a\0";
        let mut types = vec![1, kind::STRUCT << 24 | MEMBERS, 8];
        types.extend((0..MEMBERS).flat_map(|_| [0, 1, u32::MAX]));
        let length = u32::try_from(4 * types.len()).unwrap();
        let strings_length = u32::try_from(strings.len()).unwrap();
        let header = [0x0001_EB9F, 24, 0, length, length, strings_length];
        let words = header.into_iter().chain(types);
        let mut bytes: Vec<u8> = words.flat_map(u32::to_ne_bytes).collect();
        bytes.extend(strings);
        let found = Btf::parse(&bytes).unwrap().offset("a.b");
        assert!(matches!(found, Err(BtfError::Malformed(_))), "{found:?}");
    }
}
