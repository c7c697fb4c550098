//! Code that is written for the purpose, as modules without a file.

use super::module::{Section, Slot};
use super::{Module, Reach, Role, reach, sweep};
use crate::syscall::{Abi, Call};
use iced_x86::code_asm::{
    CodeAssembler, dword_ptr, eax, ecx, edi, edx, esi, qword_ptr, r9d, rax, rbp, rcx, rdi, rdx,
    rsi, rsp,
};
use iced_x86::{Code, IcedError, Instruction, MemoryOperand, Register};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Where code and data of these modules lie.
const CODE: u64 = 0x1000;
const DATA: u64 = 0x10_0000;

/// A module of this code and of so much data.
fn raw(role: Role, code: &[u8], data: usize) -> Module {
    let bytes = [code, &vec![0; data]].concat();
    let section = |address, range, is_code| Section {
        address,
        range,
        is_code,
        is_got: false,
    };
    let mut sections = vec![section(CODE, 0..code.len(), true)];
    sections.push(section(DATA, code.len()..bytes.len(), false));
    Module {
        name: format!("{role:?}"),
        role,
        needed: Vec::new(),
        soname: None,
        search: Vec::new(),
        interpreter: None,
        bytes,
        entry: CODE,
        sections,
        exports: BTreeMap::new(),
        functions: BTreeMap::new(),
        slots: BTreeMap::new(),
        initial: Vec::new(),
        starts: Vec::new(),
        marks: Vec::new(),
    }
}

type Assembled = Result<(), IcedError>;

/// An address, relative to the instruction, as in all code that may lie anywhere.
fn at(address: u64) -> MemoryOperand {
    MemoryOperand::with_base_displ(Register::RIP, address.cast_signed())
}

fn speak_of(a: &mut CodeAssembler, register: Register, address: u64) -> Assembled {
    a.add_instruction(Instruction::with2(Code::Lea_r64_m, register, at(address))?)
}

fn call_through(a: &mut CodeAssembler, address: u64) -> Assembled {
    a.add_instruction(Instruction::with1(Code::Call_rm64, at(address))?)
}

/// A function of a module: its name, and what writes its code.
type Function<'a> = (&'a str, &'a dyn Fn(&mut CodeAssembler) -> Assembled);

/// A module of functions, each with its name, one behind the other.
fn module(role: Role, functions: &[Function<'_>]) -> Module {
    let mut code = Vec::new();
    let mut exports = BTreeMap::new();
    for (name, write) in functions {
        let address = CODE + code.len() as u64;
        let mut assembler = CodeAssembler::new(64).unwrap();
        write(&mut assembler).unwrap();
        code.extend(assembler.assemble(address).unwrap());
        // Room between them, so that addresses can be told in advance.
        code.resize(code.len().next_multiple_of(SPACE), 0xCC);
        exports.insert((*name).to_owned(), vec![address]);
    }
    let mut module = raw(role, &code, 0x400);
    for (name, addresses) in &exports {
        module
            .functions
            .insert(addresses[0], (SPACE as u64, name.clone()));
    }
    module.exports = exports;
    module
}

/// Bytes from one function to the next, if it is short.
const SPACE: usize = 0x80;

/// Where the n-th function is.
const fn function(n: u64) -> u64 {
    CODE + n * SPACE as u64
}

fn found(mut modules: Vec<Module>) -> Reach {
    modules.iter_mut().for_each(sweep::sweep);
    reach(&modules)
}

/// The calls by name, and how many places are not known.
#[track_caller]
fn assert_finds(modules: Vec<Module>, calls: &[&str], unresolved: usize) {
    let reach = found(modules);
    let names: Vec<String> = reach.calls.keys().map(ToString::to_string).collect();
    assert_eq!(names, calls);
    assert_eq!(reach.unresolved.len(), unresolved, "{:?}", reach.unresolved);
}

#[track_caller]
fn assert_program(
    write: &dyn Fn(&mut CodeAssembler) -> Assembled,
    calls: &[&str],
    unresolved: usize,
) {
    assert_finds(
        vec![module(Role::Program, &[("main", write)])],
        calls,
        unresolved,
    );
}

#[test]
fn numbers_are_followed_through_registers_and_the_stack() {
    assert_program(
        &|a| {
            a.mov(eax, 39)?;
            a.syscall()?;
            a.ret()
        },
        &["getpid"],
        0,
    );
    assert_program(
        &|a| {
            a.xor(eax, eax)?;
            a.syscall()?;
            a.ret()
        },
        &["read"],
        0,
    );
    assert_program(
        &|a| {
            a.push(95)?;
            a.pop(rax)?;
            a.syscall()?;
            a.ret()
        },
        &["umask"],
        0,
    );
    assert_program(
        &|a| {
            a.mov(ecx, 40)?;
            a.lea(eax, rcx - 1)?;
            a.syscall()?;
            a.ret()
        },
        &["getpid"],
        0,
    );
    assert_program(
        &|a| {
            a.mov(eax, 38)?;
            a.add(eax, 1)?;
            a.syscall()?;
            a.ret()
        },
        &["getpid"],
        0,
    );
    assert_program(
        &|a| {
            a.push(rbp)?;
            a.mov(rbp, rsp)?;
            a.sub(rsp, 16)?;
            a.mov(dword_ptr(rbp - 4), 39)?;
            a.mov(qword_ptr(rbp - 16), rdi)?;
            a.xor(eax, eax)?;
            a.mov(eax, dword_ptr(rsp + 12))?;
            a.syscall()?;
            a.leave()?;
            a.ret()
        },
        &["getpid"],
        0,
    );
    // By the gate for programs of 32 bits, numbers mean something else.
    assert_program(
        &|a| {
            a.mov(eax, 20)?;
            a.int(0x80)?;
            a.ret()
        },
        &["i386:getpid"],
        0,
    );
}

#[test]
fn numbers_are_followed_on_every_way() {
    // Filling before a loop is no way into it.
    assert_program(
        &|a| {
            let mut again = a.create_label();
            let mut begin = a.create_label();
            a.mov(r9d, 202)?;
            a.jmp(begin)?;
            a.nop_1(rax)?;
            a.set_label(&mut again)?;
            a.cmp(eax, 7)?;
            a.set_label(&mut begin)?;
            a.mov(eax, r9d)?;
            a.syscall()?;
            a.test(eax, eax)?;
            a.jne(again)?;
            a.ret()
        },
        &["futex"],
        0,
    );
    assert_program(
        &|a| {
            let mut other = a.create_label();
            let mut both = a.create_label();
            a.test(edi, edi)?;
            a.je(other)?;
            a.mov(eax, 56)?;
            a.jmp(both)?;
            a.set_label(&mut other)?;
            a.mov(eax, 57)?;
            a.set_label(&mut both)?;
            a.syscall()?;
            a.ret()
        },
        &["clone", "fork"],
        0,
    );
    assert_program(
        &|a| {
            a.mov(eax, 56)?;
            a.mov(edx, 57)?;
            a.test(edi, edi)?;
            a.cmove(eax, edx)?;
            a.syscall()?;
            a.ret()
        },
        &["clone", "fork"],
        0,
    );
}

#[test]
fn what_cannot_be_told_is_counted() {
    // From memory, from a calculation, from what a call leaves, from the kernel's answer.
    assert_program(
        &|a| {
            a.mov(eax, dword_ptr(rdi))?;
            a.syscall()?;
            a.ret()
        },
        &[],
        1,
    );
    assert_program(
        &|a| {
            a.mov(eax, 5)?;
            a.imul_2(eax, ecx)?;
            a.syscall()?;
            a.ret()
        },
        &[],
        1,
    );
    assert_program(
        &|a| {
            a.mov(eax, 5)?;
            a.call(rdx)?;
            a.syscall()?;
            a.ret()
        },
        &[],
        1,
    );
    assert_program(
        &|a| {
            a.mov(eax, 39)?;
            a.syscall()?;
            a.syscall()?;
            a.ret()
        },
        &["getpid"],
        // Two places, one function.
        1,
    );
    // Nobody is known to call it.
    assert_program(
        &|a| {
            a.mov(rax, rdi)?;
            a.syscall()?;
            a.ret()
        },
        &[],
        1,
    );
}

#[test]
fn who_takes_a_number_from_callers_is_asked_for_through_them() {
    let by_register: &dyn Fn(&mut CodeAssembler) -> Assembled = &|a| {
        a.mov(rax, rdi)?;
        a.mov(rdi, rsi)?;
        a.syscall()?;
        a.ret()
    };
    let by_stack: &dyn Fn(&mut CodeAssembler) -> Assembled = &|a| {
        a.push(rbp)?;
        a.mov(rax, qword_ptr(rsp + 16))?;
        a.syscall()?;
        a.pop(rbp)?;
        a.ret()
    };
    // As Go's calling convention has it.
    let as_it_is: &dyn Fn(&mut CodeAssembler) -> Assembled = &|a| {
        a.syscall()?;
        a.ret()
    };
    let calls: &dyn Fn(&mut CodeAssembler) -> Assembled = &|a| {
        a.mov(edi, 39)?;
        a.call(function(0))?;
        a.ret()
    };
    let jumps: &dyn Fn(&mut CodeAssembler) -> Assembled = &|a| {
        a.mov(edi, 110)?;
        a.jmp(function(0))
    };
    let passes_on: &dyn Fn(&mut CodeAssembler) -> Assembled = &|a| {
        a.mov(edi, esi)?;
        a.jmp(function(0))
    };
    let through: &dyn Fn(&mut CodeAssembler) -> Assembled = &|a| {
        a.mov(esi, 95)?;
        a.call(function(3))?;
        a.ret()
    };
    let program = |functions: &[_]| vec![module(Role::Program, functions)];
    assert_finds(
        program(&[
            ("w", by_register),
            ("a", calls),
            ("b", jumps),
            ("c", passes_on),
            ("d", through),
        ]),
        &["getpid", "umask", "getppid"],
        0,
    );
    let pushes: &dyn Fn(&mut CodeAssembler) -> Assembled = &|a| {
        a.push(39)?;
        a.call(function(0))?;
        a.add(rsp, 8)?;
        a.ret()
    };
    let puts: &dyn Fn(&mut CodeAssembler) -> Assembled = &|a| {
        a.sub(rsp, 24)?;
        a.mov(dword_ptr(rsp + 4), 0)?;
        a.mov(qword_ptr(rsp), 110)?;
        a.call(function(0))?;
        a.add(rsp, 24)?;
        a.ret()
    };
    assert_finds(
        program(&[("w", by_stack), ("a", pushes), ("b", puts)]),
        &["getpid", "getppid"],
        0,
    );
    let sets: &dyn Fn(&mut CodeAssembler) -> Assembled = &|a| {
        a.mov(eax, 39)?;
        a.call(function(0))?;
        a.ret()
    };
    assert_finds(program(&[("w", as_it_is), ("a", sets)]), &["getpid"], 0);
    // A caller that does not know it either.
    let reads: &dyn Fn(&mut CodeAssembler) -> Assembled = &|a| {
        a.mov(edi, dword_ptr(rsi))?;
        a.call(function(0))?;
        a.ret()
    };
    assert_finds(
        program(&[("w", by_register), ("a", calls), ("b", reads)]),
        &["getpid"],
        1,
    );
}

/// A library with four functions: `a` by itself, `b` that speaks of data, `c` and `d` that nobody names.
fn library(role: Role) -> Module {
    let make = |number: i32| {
        move |a: &mut CodeAssembler| {
            a.mov(eax, number)?;
            a.syscall()?;
            a.ret()
        }
    };
    let speaks: &dyn Fn(&mut CodeAssembler) -> Assembled = &|a| {
        speak_of(a, Register::RAX, DATA + 0x40)?;
        a.ret()
    };
    let (getpid, umask, sync) = (make(39), make(95), make(162));
    let mut library = module(
        role,
        &[("a", &getpid), ("b", speaks), ("c", &umask), ("d", &sync)],
    );
    library
        .slots
        .insert(DATA + 0x48, Slot::Address(function(2)));
    library
        .slots
        .insert(DATA + 0x3F8, Slot::Address(function(3)));
    // Where the next piece of data begins.
    library
        .slots
        .insert(DATA + 0x10, Slot::Address(DATA + 0x90));
    library
}

/// A program that calls something by name.
fn calling(name: &str) -> Module {
    let calls: &dyn Fn(&mut CodeAssembler) -> Assembled = &|a| {
        call_through(a, DATA)?;
        a.ret()
    };
    let mut program = module(Role::Program, &[("main", calls)]);
    program.slots.insert(DATA, Slot::Symbol(name.to_owned()));
    program
}

#[test]
fn of_a_library_only_what_is_named_and_what_that_leads_to_is_reached() {
    let with = |name: &str, role| vec![calling(name), library(role)];
    assert_finds(with("a", Role::Library), &["getpid"], 0);
    assert_finds(with("b", Role::Library), &["umask"], 0);
    assert_finds(with("missing", Role::Library), &[], 0);
    assert_finds(with("missing", Role::Loader), &["getpid"], 0);
    assert_finds(
        with("missing", Role::Plugin),
        &["getpid", "umask", "sync"],
        0,
    );
    let mut initial = library(Role::Library);
    initial.initial = vec![function(3)];
    assert_finds(vec![calling("a"), initial], &["getpid", "sync"], 0);
}

#[test]
fn what_a_program_loads_by_name_is_not_known_and_said() {
    let reach = found(vec![calling("dlopen"), library(Role::Library)]);
    assert_eq!(reach.loading, ["Program".to_owned()].into());
    assert!(reach.calls.is_empty());
}

#[test]
fn places_have_the_names_of_functions() {
    let reach = found(vec![calling("a"), library(Role::Library)]);
    let getpid = Call::named(Abi::X86_64, "getpid").unwrap();
    let sites = reach.calls[&getpid].iter();
    let sites: Vec<_> = sites.map(|site| (&*site.file, &*site.function)).collect();
    assert_eq!(sites, [("Library", "a")]);
}

#[test]
fn a_table_of_jumps_leads_into_other_units() {
    let jumps: &dyn Fn(&mut CodeAssembler) -> Assembled = &|a| {
        speak_of(a, Register::RDX, DATA)?;
        a.movsxd(rax, dword_ptr(rdx + rdi * 4))?;
        a.add(rax, rdx)?;
        a.jmp(rax)
    };
    let hidden: &dyn Fn(&mut CodeAssembler) -> Assembled = &|a| {
        a.mov(eax, 39)?;
        a.syscall()?;
        a.ret()
    };
    let mut library = module(Role::Library, &[("a", jumps), ("hidden", hidden)]);
    let offset = i32::try_from(function(1).cast_signed() - DATA.cast_signed()).unwrap();
    let at = library.sections[1].range.start;
    library.bytes[at..at + 4].copy_from_slice(&offset.to_le_bytes());
    assert_finds(vec![calling("a"), library], &["getpid"], 0);
}

proptest! {
    /// Whatever the code is, it is looked at in finite time.
    #[test]
    fn any_code_is_looked_at(
        code in prop::collection::vec(prop_oneof![3 => any::<u8>(), 1 => Just(0x0F), 1 => Just(0x05), 1 => Just(0xEB)], 1..400),
        slots in prop::collection::btree_map(0_u64..0x40, 0_u64..0x200, 0..8),
        initial in prop::collection::vec(0_u64..0x200, 0..4),
    ) {
        for role in [Role::Program, Role::Loader, Role::Library, Role::Plugin] {
            let mut module = raw(role, &code, 0x40);
            module.slots = slots.iter().map(|(&at, &to)| (DATA + at, Slot::Address(CODE + to))).collect();
            module.initial = initial.iter().map(|at| CODE + at).collect();
            let reach = found(vec![module]);
            let places = reach.calls.values().map(std::collections::BTreeSet::len).sum::<usize>();
            prop_assert!(places + reach.unresolved.len() <= 9 * code.len());
        }
    }
}
