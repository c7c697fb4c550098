//! Reads an ELF file as a module.

use super::module::{Module, Role, Section, Slot};
use super::sweep;
use object::elf::{
    DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_SONAME, EM_AARCH64, EM_X86_64, R_X86_64_64,
    R_X86_64_GLOB_DAT, R_X86_64_IRELATIVE, R_X86_64_JUMP_SLOT, R_X86_64_RELATIVE, SHF_ALLOC,
    SHF_EXECINSTR, SHT_FINI_ARRAY, SHT_INIT_ARRAY, SHT_NOBITS, SHT_PREINIT_ARRAY, SHT_RELR,
};
use object::read::elf::{Dyn, ElfFile64, FileHeader, ProgramHeader, SectionHeader};
use object::{
    Endianness, Object, ObjectSection, ObjectSymbol, ObjectSymbolTable, RelocationFlags,
    RelocationTarget, SymbolKind,
};
use std::collections::BTreeMap;

/// The largest file that is read.
pub const FILE_MAX_BYTES: usize = 128 << 20;

/// The most parts of a path that a file may want its libraries to be looked for in.
const SEARCH_MAX: usize = 64;

/// The most libraries that a file may be linked to.
const NEEDED_MAX: usize = 256;

/// The most pointers that are read in the form of bits; the largest programs have some 500,000.
const SLOTS_MAX: usize = 4 << 20;

/// Bytes of a pointer.
const POINTER: u64 = 8;

/// Why a file says nothing about calls.
#[derive(Debug, thiserror::Error)]
pub enum ElfError {
    /// It is something else.
    #[error("it is no ELF file")]
    NotElf,
    /// It is too large.
    #[error("it has more than {FILE_MAX_BYTES} bytes")]
    TooLarge,
    /// We cannot read such code.
    #[error("it is for {0}, and only code for x86-64 can be read")]
    Machine(&'static str),
    /// Its headers contradict each other.
    #[error("it is damaged")]
    Damaged(#[source] object::Error),
    /// Its parts overlap, so that reading each would take for ever.
    #[error("its sections overlap")]
    Overlap,
    /// What is needed for this was removed.
    #[error("it has no sections")]
    NoSections,
}

type File<'a> = ElfFile64<'a, Endianness>;

impl Module {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`ElfError`] if nothing can be said about it.
    pub fn read(name: String, bytes: Vec<u8>, role: Role) -> Result<Self, ElfError> {
        if bytes.len() > FILE_MAX_BYTES {
            return Err(ElfError::TooLarge);
        }
        let mut module = {
            let file = file(&bytes)?;
            let sections = sections(&file, &bytes)?;
            let mut module = Self {
                name,
                role,
                needed: Vec::new(),
                soname: None,
                search: Vec::new(),
                interpreter: interpreter(&file, &bytes),
                bytes: Vec::new(),
                entry: file.entry(),
                exports: BTreeMap::new(),
                functions: BTreeMap::new(),
                slots: slots(&file, relative(&file, &sections, &bytes)),
                sections,
                initial: initial(&file),
                starts: [frames(&file), stubs(&file)].concat(),
                marks: Vec::new(),
            };
            add_dynamic(&mut module, &file, &bytes);
            add_symbols(&mut module, &file);
            module
        };
        module.bytes = bytes;
        sweep::sweep(&mut module);
        Ok(module)
    }
}

fn file(bytes: &[u8]) -> Result<File<'_>, ElfError> {
    // `\x7fELF`, then 1 for 32 bits and 2 for 64.
    match bytes.get(..5) {
        Some(b"\x7fELF\x02") => {}
        Some(b"\x7fELF\x01") => return Err(ElfError::Machine("a machine of 32 bits")),
        _ => return Err(ElfError::NotElf),
    }
    let file = File::parse(bytes).map_err(ElfError::Damaged)?;
    match file.elf_header().e_machine(file.endian()) {
        EM_X86_64 => Ok(file),
        EM_AARCH64 => Err(ElfError::Machine("aarch64")),
        _ => Err(ElfError::Machine("another machine")),
    }
}

/// Code and data, without what is only in the file or only in memory.
fn sections(file: &File<'_>, bytes: &[u8]) -> Result<Vec<Section>, ElfError> {
    let endian = file.endian();
    let mut sections = Vec::new();
    for section in file.sections() {
        let header = section.elf_section_header();
        let flags = header.sh_flags(endian);
        let in_memory = flags.contains(SHF_ALLOC);
        if !in_memory || header.sh_type(endian) == SHT_NOBITS || section.size() == 0 {
            continue;
        }
        let Some((offset, size)) = section.file_range() else {
            continue;
        };
        let range = usize::try_from(offset)
            .ok()
            .zip(usize::try_from(size).ok())
            .and_then(|(from, size)| Some(from..from.checked_add(size)?));
        let Some(range) = range.filter(|range| range.end <= bytes.len()) else {
            continue;
        };
        sections.push(Section {
            address: section.address(),
            range,
            is_code: flags.contains(SHF_EXECINSTR),
            is_got: section
                .name_bytes()
                .is_ok_and(|name| name.starts_with(b".got")),
        });
    }
    if sections.is_empty() {
        return Err(ElfError::NoSections);
    }
    sections.sort_by_key(|section| section.address);
    let overlap = |pair: &[Section]| pair[0].end() > pair[1].address;
    let total: usize = sections.iter().map(|section| section.range.len()).sum();
    if sections.windows(2).any(overlap) || total > bytes.len() {
        return Err(ElfError::Overlap);
    }
    Ok(sections)
}

fn interpreter(file: &File<'_>, bytes: &[u8]) -> Option<String> {
    let endian = file.endian();
    let mut headers = file.elf_program_headers().iter();
    let path = headers.find_map(|header| header.interpreter(endian, bytes).ok()?)?;
    Some(String::from_utf8_lossy(path).into_owned())
}

/// What the loader has to know.
fn add_dynamic(module: &mut Module, file: &File<'_>, bytes: &[u8]) {
    let endian = file.endian();
    let table = file.elf_section_table();
    let Ok(Some((entries, link))) = table.dynamic(endian, bytes) else {
        return;
    };
    let Ok(strings) = table.strings(endian, bytes, link) else {
        return;
    };
    for entry in entries {
        let text = || {
            let text = entry.string(endian, strings).ok()?;
            Some(String::from_utf8_lossy(text).into_owned())
        };
        match entry.tag(endian) {
            DT_NEEDED if module.needed.len() < NEEDED_MAX => module.needed.extend(text()),
            DT_SONAME => module.soname = text(),
            DT_RPATH | DT_RUNPATH => {
                let text = text().unwrap_or_default();
                let parts = text.split(':').filter(|part| !part.is_empty());
                let room = SEARCH_MAX.saturating_sub(module.search.len());
                module.search.extend(parts.map(str::to_owned).take(room));
            }
            _ => {}
        }
    }
}

fn add_symbols(module: &mut Module, file: &File<'_>) {
    for symbol in file.dynamic_symbols().filter(|one| !one.is_undefined()) {
        if let Ok(name) = symbol.name_bytes()
            && !name.is_empty()
        {
            let name = String::from_utf8_lossy(name).into_owned();
            let addresses = module.exports.entry(name).or_default();
            if !addresses.contains(&symbol.address()) {
                addresses.push(symbol.address());
            }
        }
    }
    for symbol in file.dynamic_symbols().chain(file.symbols()) {
        // Of those that are chosen from when the program starts, `object` does not know the kind.
        let is_function = matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Unknown);
        let (address, size) = (symbol.address(), symbol.size());
        if symbol.is_undefined() || !is_function || !module.is_code(address) {
            continue;
        }
        let name = String::from_utf8_lossy(symbol.name_bytes().unwrap_or_default());
        if !name.is_empty() {
            let named = || (size, name.into_owned());
            module.functions.entry(address).or_insert_with(named);
        }
    }
}

/// The pointers that the loader writes, with those that are known already.
fn slots(file: &File<'_>, mut slots: BTreeMap<u64, Slot>) -> BTreeMap<u64, Slot> {
    let symbols = file.dynamic_symbol_table();
    for (address, relocation) in file.dynamic_relocations().into_iter().flatten() {
        let RelocationFlags::Elf { r_type } = relocation.flags() else {
            continue;
        };
        let slot = match (r_type, relocation.target()) {
            (R_X86_64_RELATIVE | R_X86_64_IRELATIVE, _) => {
                Slot::Address(relocation.addend().cast_unsigned())
            }
            (
                R_X86_64_64 | R_X86_64_GLOB_DAT | R_X86_64_JUMP_SLOT,
                RelocationTarget::Symbol(index),
            ) => {
                let symbol = symbols
                    .as_ref()
                    .and_then(|table| table.symbol_by_index(index).ok());
                let name = symbol.as_ref().and_then(|one| one.name_bytes().ok());
                let name = name.map(|name| String::from_utf8_lossy(name).into_owned());
                match (name.filter(|name| !name.is_empty()), symbol) {
                    (Some(name), _) => Slot::Symbol(name),
                    (None, Some(symbol)) => {
                        Slot::Address(symbol.address().wrapping_add_signed(relocation.addend()))
                    }
                    (None, None) => continue,
                }
            }
            _ => continue,
        };
        slots.insert(address, slot);
    }
    slots
}

/// The pointers into the file itself that are written in few bits: an address, then bits for those that
/// follow it. <https://groups.google.com/g/generic-abi/c/bX460iggiKg>
fn relative(file: &File<'_>, sections: &[Section], bytes: &[u8]) -> BTreeMap<u64, Slot> {
    let endian = file.endian();
    let mut slots = BTreeMap::new();
    let mut add = |address: u64| {
        if let Some(value) = pointer(sections, bytes, address)
            && slots.len() < SLOTS_MAX
        {
            slots.insert(address, Slot::Address(value));
        }
    };
    for section in file.sections() {
        if section.elf_section_header().sh_type(endian) != SHT_RELR {
            continue;
        }
        let mut next = 0_u64;
        let (words, _) = section.data().unwrap_or_default().as_chunks::<8>();
        for word in words
            .iter()
            .take(SLOTS_MAX / 64)
            .map(|&word| u64::from_le_bytes(word))
        {
            if word & 1 == 0 {
                add(word);
                next = word.wrapping_add(POINTER);
                continue;
            }
            for bit in (1..64).filter(|bit| word >> bit & 1 == 1) {
                add(next.wrapping_add((bit - 1) * POINTER));
            }
            next = next.wrapping_add(63 * POINTER);
        }
    }
    slots
}

/// The pointer that is in the file for an address.
fn pointer(sections: &[Section], bytes: &[u8], address: u64) -> Option<u64> {
    let after = sections.partition_point(|one| one.address <= address);
    let section = &sections[after.checked_sub(1)?];
    let skipped = usize::try_from(address - section.address).ok()?;
    let bytes = bytes[section.range.clone()].get(skipped..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}

/// What the loader calls before and after the program: lists of functions, and code that is one.
fn initial(file: &File<'_>) -> Vec<u64> {
    const LISTS: [object::elf::SectionType; 3] =
        [SHT_INIT_ARRAY, SHT_FINI_ARRAY, SHT_PREINIT_ARRAY];
    let endian = file.endian();
    let mut addresses = Vec::new();
    for section in file.sections() {
        let is_list = LISTS.contains(&section.elf_section_header().sh_type(endian));
        let is_code = matches!(section.name_bytes(), Ok(b".init" | b".fini"));
        if is_code {
            addresses.push(section.address());
        } else if is_list {
            let count = section.data().map_or(0, <[u8]>::len) / 8;
            let all = (0..count as u64).map(|at| section.address().wrapping_add(at * POINTER));
            addresses.extend(all);
        }
    }
    addresses
}

/// Where functions begin, from the table by which exceptions find them; it is there in files without symbols.
/// <https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/ehframechpt.html>
fn frames(file: &File<'_>) -> Vec<u64> {
    /// Version 1; a relative pointer; a count of 4 bytes; a table of pairs relative to its header.
    const FORM: [u8; 4] = [1, 0x1b, 0x03, 0x3b];
    const HEADER: usize = 12;
    let section = file.section_by_name_bytes(b".eh_frame_hdr");
    let Some(section) = section else {
        return Vec::new();
    };
    let bytes = section.data().unwrap_or_default();
    if bytes.get(..4) != Some(&FORM) {
        return Vec::new();
    }
    let (pairs, _) = bytes.get(HEADER..).unwrap_or_default().as_chunks::<8>();
    let starts = pairs.iter().map(|&[a, b, c, d, ..]| {
        let offset = i64::from(i32::from_le_bytes([a, b, c, d]));
        section.address().wrapping_add_signed(offset)
    });
    starts.collect()
}

/// Where the pieces of code begin by which a file calls other files: they stand side by side, are of one size,
/// and have nothing to do with each other.
fn stubs(file: &File<'_>) -> Vec<u64> {
    const SIZE: u64 = 16;
    let endian = file.endian();
    let mut starts = Vec::new();
    for section in file.sections() {
        let is_stubs = section
            .name_bytes()
            .is_ok_and(|name| name.starts_with(b".plt"));
        let length = section.data().map_or(0, <[u8]>::len) as u64;
        let size = match section.elf_section_header().sh_entsize(endian) {
            0 => SIZE,
            size => size,
        };
        if is_stubs {
            let offsets = (0..length / size).map(|at| at * size);
            starts.extend(offsets.map(|offset| section.address().wrapping_add(offset)));
        }
    }
    starts
}
