//! The paths of cgroups, kept by the kernel as they are made: one that lives for a few milliseconds is gone before
//! anybody could look for its name.
//!
//! The program is some forty instructions on `cgroup:cgroup_mkdir`, written down here: it shares nothing with the one that
//! counts calls, and runs on hosts where that one was pinned by another version.

use super::attach::{BTF_PATH, ProbeError, map_error};
use super::btf::{Btf, BtfError};
use super::counts::Wire;
use super::pins::Pins;
use super::sys;
use aya::maps::{HashMap, Map, MapData, MapError};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

/// Paths that are kept; of more, those that were not asked for the longest go.
const PATHS_MAX: u32 = 8192;

/// The most bytes of a path, with its terminating zero. It has to be on the program's stack, which has 512. Those of
/// Kubernetes have some 250.
const PATH_LEN: usize = 448;

/// The same as instructions take it.
const TEXT_LEN: i16 = 448;

const _: () = assert!(PATH_LEN == TEXT_LEN.cast_unsigned() as usize);

/// A path, ended by a zero.
type PathText = Wire<[u8; PATH_LEN]>;

// SAFETY: bytes only.
unsafe impl aya::Pod for PathText {}

/// Names under which they are pinned.
const MAP: &str = "PATHS";
const LINK: &str = "paths-link";

/// Paths by cgroup id, for as long as this lives or is pinned.
pub struct Paths {
    map: HashMap<MapData, u64, PathText>,
    /// What is not pinned is detached with this.
    _link: Option<OwnedFd>,
}

impl Paths {
    /// Picks up what is pinned, or begins to keep paths, and pins that if it is asked for.
    ///
    /// # Errors
    ///
    /// [`ProbeError`] if the kernel refuses. Then names can only be looked for.
    pub fn open(pins: Option<&Pins>) -> Result<Self, ProbeError> {
        if let Some(pins) = pins.filter(|pins| pins.has(LINK))
            && let Ok(map) = pins.map(MAP)
        {
            return Ok(Self {
                map: map.try_into().map_err(map_error(MAP))?,
                _link: None,
            });
        }
        let types = std::fs::read(BTF_PATH).map_err(ProbeError::NoBtf)?;
        let offsets = Offsets::find(&types).map_err(ProbeError::Btf)?;
        let failed = |source| map_error(MAP)(MapError::IoError(source));
        let (map, link) = start(&offsets).map_err(failed)?;
        let link = match pins {
            Some(pins) => {
                // Something of it may be there, of a start that did not come to its end.
                pins.put_fd(MAP, &map)?;
                pins.put_fd(LINK, &link)?;
                None
            }
            None => Some(link),
        };
        let map = MapData::from_fd(map).and_then(Map::from_map_data);
        let map = map.and_then(TryInto::try_into).map_err(map_error(MAP))?;
        Ok(Self { map, _link: link })
    }

    /// The path of a cgroup below the root, with a slash before it; `None` if it is not kept, or is too long to be.
    #[must_use]
    pub fn of(&self, cgroup_id: u64) -> Option<PathBuf> {
        path(&self.map.get(&cgroup_id, 0).ok()?.0)
    }

    /// Cgroups that were made after the one with this id, with their paths.
    #[must_use]
    pub fn since(&self, cgroup_id: u64) -> Vec<(u64, PathBuf)> {
        let ids = self.map.keys().flatten().filter(|&id| id > cgroup_id);
        let mut found: Vec<_> = ids.filter_map(|id| Some((id, self.of(id)?))).collect();
        found.sort_unstable();
        found
    }
}

/// Reads what a program may have kept, whatever it is.
pub(super) fn read(bytes: &[u8]) {
    let mut text = [0; PATH_LEN];
    let len = bytes.len().min(PATH_LEN);
    text[..len].copy_from_slice(&bytes[..len]);
    std::hint::black_box(path(&text));
}

/// A path as it was kept. One that fills all the room was cut off.
fn path(text: &[u8; PATH_LEN]) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    let end = text.iter().position(|&byte| byte == 0)?;
    let is_whole = end < PATH_LEN - 1 && text[0] == b'/';
    is_whole.then(|| std::ffi::OsStr::from_bytes(&text[..end]).into())
}

/// Where the program finds what it keeps.
struct Offsets {
    cgroup_root: i32,
    root_hierarchy: i32,
    cgroup_node: i32,
    node_id: i32,
}

impl Offsets {
    fn find(types: &[u8]) -> Result<Self, BtfError> {
        let types = Btf::parse(types)?;
        let offset = |name: &'static str| {
            let offset = types.offset(name)?;
            i32::try_from(offset).map_err(|_| BtfError::Missing(name.to_owned()))
        };
        Ok(Self {
            cgroup_root: offset("cgroup.root")?,
            root_hierarchy: offset("cgroup_root.hierarchy_id")?,
            cgroup_node: offset("cgroup.kn")?,
            node_id: offset("kernfs_node.id")?,
        })
    }
}

/// Loads and attaches: the map, and what holds the program.
fn start(offsets: &Offsets) -> io::Result<(OwnedFd, OwnedFd)> {
    let map = sys::create_lru_map(size_of::<u64>(), PATH_LEN, PATHS_MAX)?;
    let program = sys::load_raw_tracepoint(&program(offsets, map.as_raw_fd()))?;
    let link = sys::attach_raw_tracepoint(c"cgroup_mkdir", &program)?;
    Ok((map, link))
}

/// An instruction.
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/bpf.h#L77>
const fn instruction(code: u8, to: u8, from: u8, offset: i16, value: i32) -> u64 {
    let registers = (to | from << 4) as u64;
    let offset = offset.cast_unsigned() as u64;
    code as u64 | registers << 8 | offset << 16 | (value.cast_unsigned() as u64) << 32
}

/// The program. Its context is the tracepoint's arguments: the cgroup, and its path from the root of its hierarchy,
/// whatever namespaces there are. Hierarchies of the first version have ids of their own, which say nothing here.
fn program(offsets: &Offsets, map: i32) -> Vec<u64> {
    const READ: i32 = 113;
    const READ_TEXT: i32 = 115;
    const UPDATE: i32 = 2;
    const STACK: u8 = 10;
    const WORD: i16 = -8;
    let text = WORD - TEXT_LEN;
    let copy = |to, from| instruction(0xbf, to, from, 0, 0);
    let set = |to, value| instruction(0xb7, to, 0, 0, value);
    let add = |to, value| instruction(0x07, to, 0, 0, value);
    let load = |to, from, offset| instruction(0x79, to, from, offset, 0);
    let call = |helper| instruction(0x85, 0, 0, 0, helper);
    let zero = |offset| instruction(0x7a, STACK, 0, offset, 0);
    let leave = [set(0, 0), instruction(0x95, 0, 0, 0, 0)];
    // Reads into the word on the stack what lies at that offset of where register 3 points.
    let read = |offset, size| {
        let place = [copy(1, STACK), add(1, i32::from(WORD)), set(2, size)];
        [&[zero(WORD), add(3, offset)][..], &place, &[call(READ)]].concat()
    };
    let mut program = vec![load(6, 1, 0), load(7, 1, 8)];
    program.push(copy(3, 6));
    program.extend(read(offsets.cgroup_root, 8));
    program.push(load(3, STACK, WORD));
    program.extend(read(offsets.root_hierarchy, 4));
    program.push(load(1, STACK, WORD));
    // The second version's hierarchy is number 0.
    program.push(instruction(0x15, 1, 0, 2, 0));
    program.extend(leave);
    program.push(copy(3, 6));
    program.extend(read(offsets.cgroup_node, 8));
    program.push(load(3, STACK, WORD));
    program.extend(read(offsets.node_id, 8));
    program.extend((text..WORD).step_by(8).map(zero));
    program.extend([copy(1, STACK), add(1, i32::from(text))]);
    program.extend([set(2, i32::from(TEXT_LEN)), copy(3, 7), call(READ_TEXT)]);
    // The map, by its descriptor, which takes two places.
    program.extend([instruction(0x18, 1, 1, 0, map), 0]);
    program.extend([copy(2, STACK), add(2, i32::from(WORD))]);
    program.extend([copy(3, STACK), add(3, i32::from(text)), set(4, 0)]);
    program.push(call(UPDATE));
    program.extend(leave);
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_was_cut_off_is_none() {
        let text = |bytes: &[u8]| {
            let mut text = [0; PATH_LEN];
            text[..bytes.len()].copy_from_slice(bytes);
            path(&text)
        };
        assert_eq!(text(b"/docker/ab"), Some("/docker/ab".into()));
        assert_eq!(text(b""), None);
        assert_eq!(text(b"docker"), None);
        assert_eq!(text(&[b'/'; PATH_LEN - 2]).map(|_| ()), Some(()));
        assert_eq!(text(&[b'/'; PATH_LEN - 1]), None);
        assert_eq!(text(&[b'/'; PATH_LEN]), None);
    }

    #[test]
    fn an_instruction_is_as_the_kernel_has_it() {
        // r1 = *(u64 *)(r10 - 8), and a call of helper 2.
        assert_eq!(instruction(0x79, 1, 10, -8, 0), 0x0000_0000_fff8_a179);
        assert_eq!(instruction(0x85, 0, 0, 0, 2), 0x0000_0002_0000_0085);
    }
}
