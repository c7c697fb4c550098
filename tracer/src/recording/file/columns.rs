//! Columns of numbers as they are read, packed at once: a fleet's file has millions of numbers.

use crate::recording::runs::{First, varint};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// A column of numbers.
#[derive(Default)]
pub(super) struct Column {
    bytes: Vec<u8>,
    len: usize,
}

/// A column of first sightings.
#[derive(Default)]
pub(super) struct Firsts {
    bytes: Vec<u8>,
    len: usize,
}

impl Column {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u64> {
        let mut bytes = self.bytes.as_slice();
        std::iter::from_fn(move || varint::take(&mut bytes))
    }
}

impl Firsts {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Option<First>> {
        let mut bytes = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let program = varint::take(&mut bytes)?.checked_sub(1);
            let first = program.map(|program| {
                let mut number = || varint::take(&mut bytes).unwrap_or_default();
                First {
                    at_ms: number(),
                    pid: narrow(number()),
                    program: narrow(program),
                }
            });
            Some(first)
        })
    }
}

/// A number that was packed from 32 bits.
fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl<'de> Deserialize<'de> for Column {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Numbers;
        impl<'de> Visitor<'de> for Numbers {
            type Value = Column;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of numbers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Column, A::Error> {
                let mut column = Column::default();
                while let Some(number) = seq.next_element()? {
                    varint::push(&mut column.bytes, number);
                    column.len += 1;
                }
                Ok(column)
            }
        }
        deserializer.deserialize_seq(Numbers)
    }
}

impl<'de> Deserialize<'de> for Firsts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sightings;
        impl<'de> Visitor<'de> for Sightings {
            type Value = Firsts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of first sightings")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Firsts, A::Error> {
                let mut column = Firsts::default();
                while let Some(first) = seq.next_element::<Option<(u64, u32, u32)>>()? {
                    match first {
                        None => varint::push(&mut column.bytes, 0),
                        Some((at_ms, pid, program)) => {
                            varint::push(&mut column.bytes, u64::from(program) + 1);
                            varint::push(&mut column.bytes, at_ms);
                            varint::push(&mut column.bytes, u64::from(pid));
                        }
                    }
                    column.len += 1;
                }
                Ok(column)
            }
        }
        deserializer.deserialize_seq(Sightings)
    }
}
