//! The fewest rules for a set: a cover by cubes, as few as can be.
//!
//! All largest cubes of the set are found (its prime implicants, by iterated consensus), then the fewest of
//! them that cover it. Exact as long as the bounds below are not reached; beyond them the cover is still
//! exactly the set, only perhaps not the smallest.
//!
//! Largest cubes overlap, and too many that do cannot be told apart by whoever reads the profile: then the set
//! is cut into cubes that share nothing.

use super::cube::Cube;
use crate::profile::{ArgumentSet, Condition, are_tangled};
use std::collections::BTreeSet;

/// Rules for one call; each takes two instructions at least, and a filter may have 4096.
const RULES_MAX: u32 = 1024;

/// Largest cubes looked for; sets of code's constants have at most a few hundred.
const PRIMES_MAX: usize = 400;

/// Pieces into which the set is cut to see which cube covers what.
const PIECES_MAX: usize = 4000;

/// Steps of the search for the fewest; beyond it, the best found so far is taken.
const STEPS_MAX: usize = 20_000;

/// The set as alternatives of conditions, as few as possible. An empty inner list stands for every tuple.
/// `None` if there would be more than a filter can hold.
pub(super) fn fewest(set: &ArgumentSet) -> Option<Vec<Vec<Condition>>> {
    let cubes = |cubes: Vec<Vec<Condition>>| -> Vec<Cube> {
        cubes.iter().map(|cube| Cube::of(cube)).collect()
    };
    let paths = cubes(set.disjoint_cubes_within(RULES_MAX)?);
    let mut chosen = match paths.len() {
        0 | 1 => paths,
        // All largest cubes are the same wherever the search for them begins, and the paths of the diagram cost
        // nothing. Where there are too many of them, the search had better begin with few.
        _ => exact(&paths).unwrap_or_else(|| cover(&cubes(set.cubes()))),
    };
    chosen.sort_unstable();
    let chosen: Vec<_> = chosen.iter().map(Cube::conditions).collect();
    if are_tangled(&chosen) {
        return disjoint(set);
    }
    Some(chosen)
}

/// The set as alternatives that share nothing, or `None` as of [`fewest`].
pub(super) fn disjoint(set: &ArgumentSet) -> Option<Vec<Vec<Condition>>> {
    set.disjoint_cubes_within(RULES_MAX)
}

/// The fewest largest cubes that cover what is given; `None` if a bound is reached.
fn exact(given: &[Cube]) -> Option<Vec<Cube>> {
    let primes = primes(given);
    if !primes.complete {
        return None;
    }
    Some(fewest_of(&primes.cubes, &pieces(given, &primes.cubes)?))
}

/// As [`exact`], and whatever was found where a bound is reached.
fn cover(given: &[Cube]) -> Vec<Cube> {
    let primes = primes(given).cubes;
    match pieces(given, &primes) {
        Some(pieces) => fewest_of(&primes, &pieces),
        None => primes,
    }
}

/// The fewest of these cubes of which each piece has one.
fn fewest_of(primes: &[Cube], pieces: &[Cube]) -> Vec<Cube> {
    let mut rows: Vec<BTreeSet<usize>> =
        pieces.iter().map(|piece| covering(primes, piece)).collect();
    rows.sort();
    rows.dedup();
    let chosen = Search::new(&rows, primes.len()).run();
    chosen.into_iter().map(|at| primes[at]).collect()
}

fn covering(primes: &[Cube], piece: &Cube) -> BTreeSet<usize> {
    (0..primes.len())
        .filter(|&at| primes[at].contains(piece))
        .collect()
}

/// Cubes within a set that no larger one contains.
struct Primes {
    cubes: Vec<Cube>,
    /// Whether there are no others.
    complete: bool,
}

/// Every cube within the set that no larger one contains. The union of what is held never changes.
fn primes(given: &[Cube]) -> Primes {
    let mut complete = true;
    let mut found: Vec<Cube> = Vec::new();
    let mut waiting: Vec<Cube> = given.to_vec();
    while let Some(cube) = waiting.pop() {
        if found.iter().any(|known| known.contains(&cube)) {
            continue;
        }
        found.retain(|known| !cube.contains(known));
        if found.len() + waiting.len() < PRIMES_MAX * 4 && found.len() < PRIMES_MAX {
            waiting.extend(found.iter().filter_map(|known| known.consensus(&cube)));
        } else {
            complete = false;
        }
        found.push(cube);
    }
    found.sort_by_key(|cube| (cube.fixed(), *cube));
    Primes {
        cubes: found,
        complete,
    }
}

/// The set cut so that each piece is wholly inside or wholly outside of each of the primes.
fn pieces(given: &[Cube], primes: &[Cube]) -> Option<Vec<Cube>> {
    let mut pieces: Vec<Cube> = Vec::new();
    for cube in given {
        let mut fresh = vec![*cube];
        for known in pieces.clone() {
            fresh = fresh
                .iter()
                .flat_map(|piece| piece.without(&known))
                .collect();
        }
        pieces.extend(fresh);
        if pieces.len() > PIECES_MAX {
            return None;
        }
    }
    for prime in primes {
        let mut cut = Vec::new();
        for piece in &pieces {
            match piece.intersection(prime) {
                Some(inside) if !prime.contains(piece) => {
                    cut.extend(piece.without(prime));
                    cut.push(inside);
                }
                _ => cut.push(*piece),
            }
        }
        pieces = cut;
        if pieces.len() > PIECES_MAX {
            return None;
        }
    }
    Some(pieces)
}

/// The search for the fewest columns that hit every row.
struct Search<'a> {
    rows: &'a [BTreeSet<usize>],
    best: Vec<usize>,
    steps: usize,
}

impl<'a> Search<'a> {
    fn new(rows: &'a [BTreeSet<usize>], columns: usize) -> Self {
        Self {
            rows,
            best: (0..columns).collect(),
            steps: 0,
        }
    }

    fn run(mut self) -> Vec<usize> {
        self.best = self.greedy();
        self.descend(&mut Vec::new());
        self.best.sort_unstable();
        self.best
    }

    fn open(&self, chosen: &[usize]) -> impl Iterator<Item = &'a BTreeSet<usize>> {
        let rows: &'a [BTreeSet<usize>] = self.rows;
        let chosen = chosen.to_vec();
        rows.iter()
            .filter(move |row| !chosen.iter().any(|column| row.contains(column)))
    }

    /// The column that hits most of the open rows, again and again.
    fn greedy(&self) -> Vec<usize> {
        let mut chosen = Vec::new();
        loop {
            let open: Vec<_> = self.open(&chosen).collect();
            let columns: BTreeSet<usize> = open.iter().copied().flatten().copied().collect();
            let hits = |column: usize| open.iter().filter(|row| row.contains(&column)).count();
            // Of equal ones the first, which fixes the fewest bits.
            let Some(next) = columns.into_iter().rev().max_by_key(|&column| hits(column)) else {
                return chosen;
            };
            chosen.push(next);
        }
    }

    fn descend(&mut self, chosen: &mut Vec<usize>) {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return;
        }
        let open: Vec<_> = self.open(chosen).collect();
        let Some(tightest) = open.iter().min_by_key(|row| row.len()) else {
            if chosen.len() < self.best.len() {
                self.best.clone_from(chosen);
            }
            return;
        };
        if chosen.len() + apart(&open) >= self.best.len() {
            return;
        }
        for &column in *tightest {
            chosen.push(column);
            self.descend(chosen);
            chosen.pop();
        }
    }
}

/// How many of the rows share no column with each other: at least so many columns are needed.
fn apart(rows: &[&BTreeSet<usize>]) -> usize {
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    let mut count = 0;
    for row in rows {
        if row.is_disjoint(&taken) {
            taken.extend(row.iter());
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A small world: two bits of each of two arguments.
    const POINTS: u16 = 16;

    fn arguments(point: u16) -> [u64; 6] {
        [u64::from(point & 3), u64::from(point >> 2), 0, 0, 0, 0]
    }

    /// The set of these points; everything above the two bits is free.
    fn set(members: u16) -> ArgumentSet {
        let points = (0..POINTS).filter(|point| members >> point & 1 == 1);
        points.fold(ArgumentSet::none(), |all, point| {
            let [first, second, ..] = arguments(point);
            let one =
                ArgumentSet::masked(0, 3, first).intersection(&ArgumentSet::masked(1, 3, second));
            all.union(&one)
        })
    }

    fn union(alternatives: &[Vec<Condition>]) -> ArgumentSet {
        let each = alternatives
            .iter()
            .map(|one| ArgumentSet::matching(one, 64));
        each.fold(ArgumentSet::none(), |all, one| all.union(&one))
    }

    /// Each of the 81 cubes of the small world, as the points in it.
    fn cubes() -> Vec<u16> {
        let mut cubes = Vec::new();
        for mask in 0..POINTS {
            for value in (0..POINTS).filter(|value| value & !mask == 0) {
                let inside = (0..POINTS).filter(|point| point & mask == value);
                cubes.push(inside.fold(0, |all, point| all | 1 << point));
            }
        }
        cubes
    }

    /// The fewest cubes, by trying one, then two, then three, ...
    fn brute_force(members: u16, cubes: &[u16]) -> usize {
        fn reaches(members: u16, covered: u16, left: usize, cubes: &[u16]) -> bool {
            if covered == members {
                return true;
            }
            if left == 0 {
                return false;
            }
            let missing = members & !covered;
            let first = missing.isolate_lowest_one();
            let useful = cubes.iter().filter(|cube| *cube & first != 0);
            useful
                .into_iter()
                .any(|cube| reaches(members, covered | cube, left - 1, cubes))
        }
        let inside: Vec<u16> = cubes
            .iter()
            .copied()
            .filter(|cube| cube & !members == 0)
            .collect();
        (0..)
            .find(|&count| reaches(members, 0, count, &inside))
            .unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn no_cover_has_fewer_rules(members in any::<u16>()) {
            let set = set(members);
            let rules = fewest(&set).unwrap();
            prop_assert_eq!(union(&rules), set);
            prop_assert_eq!(rules.len(), brute_force(members, &cubes()));
        }
    }

    #[test]
    fn what_is_one_rule_is_one_rule() {
        let table = [
            (ArgumentSet::all(), 1),
            (ArgumentSet::none(), 0),
            (set(0b11), 1),
            (set(0b1001), 2),
        ];
        for (set, rules) in table {
            assert_eq!(fewest(&set).unwrap().len(), rules, "{set:?}");
        }
        let sockets = [1u64, 2, 10, 16]
            .iter()
            .fold(ArgumentSet::none(), |all, &family| {
                all.union(&ArgumentSet::masked(0, 0xFFFF_FFFF, family))
            });
        // `AF_INET` and `AF_INET6` differ in one bit.
        assert_eq!(fewest(&sockets).unwrap().len(), 3);
    }

    #[test]
    fn many_values_stay_exactly_the_set() {
        let values = (0..300u64).map(|n| n.wrapping_mul(0x9E37_79B9) & 0xFFFF);
        let many = values.fold(ArgumentSet::none(), |all, value| {
            all.union(&ArgumentSet::masked(1, 0xFFFF_FFFF, value))
        });
        assert_eq!(union(&fewest(&many).unwrap()), many);
    }
}
