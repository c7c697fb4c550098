//! The shortest way through a program that the kernel has loaded: what the call of somebody in no scope runs, in
//! instructions as the kernel left them.

use std::fs;
use std::os::fd::RawFd;

/// An instruction, `struct bpf_insn`.
#[derive(Clone, Copy, Debug)]
struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    value: i32,
}

/// What the names of the programs begin with that see calls.
const COUNTING: &[u8] = b"sys_enter";

/// How many instructions the shortest way through the one program has that this process has loaded to count calls.
pub(crate) fn shortest() -> usize {
    let mut loaded = loaded();
    loaded.retain(|&program| information(program, &mut []).1.starts_with(COUNTING));
    let [program] = loaded[..] else {
        panic!("programs of this process: {loaded:?}");
    };
    shortest_of(&instructions(program))
}

/// The descriptors of this process that are programs.
fn loaded() -> Vec<RawFd> {
    let entries = fs::read_dir("/proc/self/fdinfo").expect("descriptors");
    let program = |entry: fs::DirEntry| {
        let text = fs::read_to_string(entry.path()).ok()?;
        let is_program = text.lines().any(|line| line.starts_with("prog_jited:"));
        is_program.then(|| entry.file_name().to_str()?.parse().ok())?
    };
    entries.flatten().filter_map(program).collect()
}

/// The length of the shortest way from each place to the end is one more than from the nearest next place; where
/// a function is called, its own comes on top. Lengths are brought down until none changes.
fn shortest_of(code: &[Instruction]) -> usize {
    let far = code.len() * 2;
    let mut lengths = vec![far; code.len()];
    loop {
        let before = lengths.clone();
        for at in (0..code.len()).rev() {
            lengths[at] = length(code, &lengths, at).min(far);
        }
        if lengths == before {
            return lengths[0];
        }
    }
}

fn length(code: &[Instruction], lengths: &[usize], at: usize) -> usize {
    const LOAD_64: u8 = 0x18;
    const JUMP: u8 = 0x05;
    const JUMP_FAR: u8 = 0x06;
    const CALL: u8 = 0x85;
    const EXIT: u8 = 0x95;
    // Source register of a call of a function of the program itself.
    const OWN: u8 = 1;
    let one = code[at];
    let from = |distance: i64| {
        let place = i64::try_from(at).expect("small") + 1 + distance;
        lengths[usize::try_from(place).expect("inside")]
    };
    match one.code {
        EXIT => 1,
        // It takes two places.
        LOAD_64 => 1 + from(1),
        JUMP => 1 + from(one.offset.into()),
        JUMP_FAR => 1 + from(one.value.into()),
        CALL if one.registers >> 4 == OWN => 1 + from(one.value.into()) + from(0),
        CALL => 1 + from(0),
        // The other jumps, on 64 and on 32 bits.
        code if matches!(code & 7, 5 | 6) => 1 + from(0).min(from(one.offset.into())),
        _ => 1 + from(0),
    }
}

/// The instructions of a program, as the kernel gives them to whoever may see them.
fn instructions(program: RawFd) -> Vec<Instruction> {
    let (length, _) = information(program, &mut []);
    let mut bytes = vec![0; length];
    assert_eq!(information(program, &mut bytes).0, length);
    let (all, rest) = bytes.as_chunks::<8>();
    assert!(rest.is_empty());
    let instruction = |&[code, registers, a, b, c, d, e, f]: &[u8; 8]| Instruction {
        code,
        registers,
        offset: i16::from_ne_bytes([a, b]),
        value: i32::from_ne_bytes([c, d, e, f]),
    };
    all.iter().map(instruction).collect()
}

/// Asks how many bytes a program has, and for as many of them as there is room for; and for its name.
fn information(program: RawFd, room: &mut [u8]) -> (usize, [u8; 16]) {
    const BPF_OBJ_GET_INFO_BY_FD: libc::c_long = 15;
    /// The beginning of `struct bpf_prog_info`.
    #[derive(Default)]
    #[repr(C)]
    struct Info {
        kind: u32,
        id: u32,
        tag: [u8; 8],
        compiled_len: u32,
        instructions_len: u32,
        compiled: u64,
        instructions: u64,
        loaded_ns: u64,
        user: u32,
        maps_len: u32,
        maps: u64,
        name: [u8; 16],
    }
    #[repr(C)]
    struct Attribute {
        descriptor: u32,
        info_len: u32,
        info: u64,
    }
    let mut info = Info {
        instructions_len: u32::try_from(room.len()).expect("small"),
        instructions: room.as_mut_ptr() as u64,
        ..Info::default()
    };
    let attribute = Attribute {
        descriptor: program.cast_unsigned(),
        info_len: u32::try_from(size_of::<Info>()).expect("small"),
        info: (&raw mut info) as u64,
    };
    // SAFETY: the kernel writes no more than the lengths that stand beside the two pointers to our variables.
    let done = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            BPF_OBJ_GET_INFO_BY_FD,
            &raw const attribute,
            size_of::<Attribute>(),
        )
    };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
    let length = usize::try_from(info.instructions_len).expect("small");
    (length, info.name)
}
