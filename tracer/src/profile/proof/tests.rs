//! The proof on profiles that are compiled right, and on those that are known not to be.

use super::*;
use crate::profile::{Circumstances, KernelVersion, base};
use crate::syscall::capability;

fn circumstances() -> Circumstances {
    Circumstances {
        host: Abi::X86_64,
        kernel: KernelVersion { major: 6, minor: 1 },
        capabilities: capability::docker_default(),
    }
}

#[test]
fn the_default_profiles_are_compiled_right() {
    for source in [base::docker(), base::podman()] {
        let profile = source.resolve(&circumstances());
        let proof = prove(&profile, Abi::X86_64, None).unwrap();
        assert_eq!(proof.miscompiled, []);
    }
}

#[test]
fn dockers_default_exceeds_itself_only_in_the_kernels_view() {
    let profile = base::docker().resolve(&circumstances());
    let meaning = Meaning::of(&profile, Abi::X86_64);
    let proof = prove(&profile, Abi::X86_64, Some(&meaning)).unwrap();
    let shown: Vec<_> = proof.beyond.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["socket(0x100000026, 0x0, 0x0, 0x0, 0x0, 0x0)"]);
    assert!(proof.beyond[0].only_in_kernel_view);
}

#[cfg(test)]
mod explore {
    use super::*;
    use crate::profile::{Condition, Operator, Rule};
    use std::time::Instant;

    struct Rng(u64);
    impl Rng {
        fn next(&mut self, below: u64) -> u64 {
            self.0 ^= self.0 << 13; self.0 ^= self.0 >> 7; self.0 ^= self.0 << 17;
            self.0 % below
        }
        fn pick<T: Copy>(&mut self, of: &[T]) -> T { of[self.next(of.len() as u64) as usize] }
    }
    const ALL: [Operator; 7] = [Operator::Ne, Operator::Lt, Operator::Le, Operator::Eq, Operator::Ge, Operator::Gt, Operator::MaskedEq];
    fn value(r: &mut Rng, wide: bool) -> u64 {
        let low = r.pick(&[0u64, 1, 2, 3, 5, 8, 40, 0xffff_ffff, 0x8000_0000, 10]);
        if wide && r.next(2) == 0 { low | r.pick(&[1u64, 2, 0xffff_ffff]) << 32 } else { low }
    }
    fn run(name: &str, count: usize, ops: &[Operator], wide: bool, max_rules: u64, max_conds: u64, args: u64, actions: &[Action], abis: &[Abi]) {
        let mut r = Rng(0x1234_5678_9abc_def1);
        let (mut wrong, mut refused, mut slow) = (0, 0, std::time::Duration::ZERO);
        let start = Instant::now();
        let mut shown = 0;
        for _ in 0..count {
            let mut rules = Vec::new();
            for _ in 0..1 + r.next(max_rules) {
                let mut indexes: Vec<u8> = (0..args as u8).collect();
                let n = 1 + r.next(max_conds.min(args));
                while indexes.len() as u64 > n { let i = r.next(indexes.len() as u64) as usize; indexes.remove(i); }
                let conditions = indexes.iter().map(|&index| {
                    let operator = r.pick(ops);
                    Condition { index, operator, value: value(&mut r, wide), value_two: if operator == Operator::MaskedEq { value(&mut r, wide) } else { 0 } }
                }).collect();
                rules.push(Rule { names: vec!["socket".to_owned()], action: r.pick(actions), conditions });
            }
            let profile = Profile { default_action: Action::Errno(1), abis: abis.iter().copied().collect(), other_architectures: vec![], flags: None, listener_path: None, listener_metadata: None, rules };
            let t = Instant::now();
            match prove(&profile, Abi::X86_64, None) {
                Ok(proof) => if !proof.miscompiled.is_empty() {
                    wrong += 1;
                    if shown < 3 { shown += 1; eprintln!("{:?}\n   {:?}", profile.rules.iter().map(|r| (r.action, &r.conditions)).collect::<Vec<_>>(), proof.miscompiled[0]); }
                },
                Err(_) => refused += 1,
            }
            slow = slow.max(t.elapsed());
        }
        eprintln!("{name}: {count} profiles, {wrong} wrong, {refused} refused, max {slow:?}, total {:?}", start.elapsed());
    }

    #[test]
    fn explore() {
        let mixed = [Action::Allow, Action::Errno(38), Action::KillProcess];
        run("mixed eq/masked one", 2000, &[Operator::Eq, Operator::MaskedEq], true, 5, 1, 3, &mixed, &[]);
        run("mixed eq", 500, &[Operator::Eq], true, 5, 3, 3, &mixed, &[]);
        run("mixed eq/masked", 1000, &[Operator::Eq, Operator::MaskedEq], true, 5, 3, 3, &mixed, &[]);
        run("mixed one narrow", 300, &ALL, false, 5, 1, 3, &mixed, &[]);
        for n in [2u64, 3, 4, 5, 6] {
            let mut r = Rng(99);
            let rules: Vec<Rule> = (0..n).map(|_| Rule { names: vec!["socket".to_owned()], action: Action::Allow, conditions: (0..3).map(|index| Condition { index, operator: Operator::Ne, value: r.next(100), value_two: 0 }).collect() }).collect();
            let profile = Profile { default_action: Action::Errno(1), abis: [].into(), other_architectures: vec![], flags: None, listener_path: None, listener_metadata: None, rules };
            let t = Instant::now();
            let mut program = Program::compile(&profile, Abi::X86_64).unwrap();
            let a = t.elapsed();
            eprintln!("{n} NE rules of 3: compile {a:?}");
            if a.as_secs() > 5 { break }
            let code = program.code(Layout::Tree).map(|c| c.length());
            eprintln!("  export {:?} {code:?}", t.elapsed());
            if t.elapsed().as_secs() > 20 { break }
        }
    }
}
