//! How much a run of chunks comes to, worked out before the library reads it: a change of a hundred bytes may stand for millions of
//! operations, since columns are run-length encoded, and a deflated one for gigabytes.
//!
//! A change's data: dependencies, actor, number, first operation, time, message, other actors, then its columns. A document's:
//! actors, heads, then the columns of its changes and of its operations, each perhaps deflated. Format: automerge.org, "Binary
//! Document Format".

use std::io::Read;

use flate2::read::DeflateDecoder;

use crate::limits::{CHANGE_OPS_MAX, INFLATED_MAX_BYTES, OPS_MAX};

/// The bit of a column's name that says that it is deflated.
const DEFLATED: u64 = 0x08;

/// A column's kind of values: the name's lowest three bits.
const KIND: u64 = 0x07;
const DELTA: u64 = 3;
const FLAGS: u64 = 4;
const STRINGS: u64 = 5;
const RAW: u64 = 7;

/// How a chunk's data lie in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Document,
    Change,
    DeflatedChange,
}

/// What a run comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Measure {
    /// Operations, at the most.
    pub(crate) ops: u64,
    /// Bytes once inflated.
    pub(crate) bytes: usize,
}

/// Why a run is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unmeasured {
    /// It is not what it should be.
    Malformed,
    /// It comes to more than a document may hold.
    TooLarge,
}

impl Measure {
    /// Adds one chunk's data.
    pub(crate) fn add(&mut self, shape: Shape, data: &[u8]) -> Result<(), Unmeasured> {
        match shape {
            Shape::Document => self.document(data),
            Shape::Change => self.change(data),
            Shape::DeflatedChange => {
                let inflated = self.inflate(data)?;
                self.change(&inflated)
            }
        }
    }

    fn change(&mut self, data: &[u8]) -> Result<(), Unmeasured> {
        let mut data = Bytes(data);
        let dependencies = data.number()?;
        data.skip(dependencies.checked_mul(HASH_BYTES).ok_or(Unmeasured::Malformed)?)?;
        data.skip_prefixed()?;
        for _number_first_operation_time in 0..3 {
            data.number()?;
        }
        data.skip_prefixed()?;
        for _ in 0..data.number()? {
            data.skip_prefixed()?;
        }
        let columns = data.columns()?;
        let ops = self.longest(&mut data, &columns)?;
        if ops > CHANGE_OPS_MAX {
            return Err(Unmeasured::TooLarge);
        }
        self.count(ops)
    }

    fn document(&mut self, data: &[u8]) -> Result<(), Unmeasured> {
        let mut data = Bytes(data);
        for _ in 0..data.number()? {
            data.skip_prefixed()?;
        }
        let heads = data.number()?;
        data.skip(heads.checked_mul(HASH_BYTES).ok_or(Unmeasured::Malformed)?)?;
        let (changes, ops) = (data.columns()?, data.columns()?);
        self.longest(&mut data, &changes)?;
        let ops = self.longest(&mut data, &ops)?;
        self.count(ops)
    }

    fn count(&mut self, ops: u64) -> Result<(), Unmeasured> {
        self.ops = self.ops.saturating_add(ops);
        if self.ops > OPS_MAX { Err(Unmeasured::TooLarge) } else { Ok(()) }
    }

    /// Values of the longest of some columns.
    fn longest(&mut self, data: &mut Bytes<'_>, columns: &[(u64, u64)]) -> Result<u64, Unmeasured> {
        let mut longest = 0;
        for (name, length) in columns {
            let column = data.take(*length)?;
            let values = if name & DEFLATED == 0 {
                values(name & KIND, column)?
            } else {
                let inflated = self.inflate(column)?;
                values(name & KIND, &inflated)?
            };
            longest = longest.max(values);
        }
        Ok(longest)
    }

    fn inflate(&mut self, data: &[u8]) -> Result<Vec<u8>, Unmeasured> {
        let room = INFLATED_MAX_BYTES.saturating_sub(self.bytes);
        let mut inflated = Vec::new();
        let most = u64::try_from(room).unwrap_or(u64::MAX).saturating_add(1);
        DeflateDecoder::new(data).take(most).read_to_end(&mut inflated).map_err(|_| Unmeasured::Malformed)?;
        if inflated.len() > room {
            return Err(Unmeasured::TooLarge);
        }
        self.bytes += inflated.len();
        Ok(inflated)
    }
}

const HASH_BYTES: u64 = 32;

/// How many values a column holds.
fn values(kind: u64, column: &[u8]) -> Result<u64, Unmeasured> {
    if kind == RAW {
        return Ok(0);
    }
    let (mut column, mut values) = (Bytes(column), 0_u64);
    while !column.is_empty() {
        let run = if kind == FLAGS { column.number()? } else { column.run(kind)? };
        values = values.saturating_add(run);
        if values > OPS_MAX {
            return Err(Unmeasured::TooLarge);
        }
    }
    Ok(values)
}

/// Bytes yet to be read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Unmeasured> {
        let length = usize::try_from(length).map_err(|_| Unmeasured::Malformed)?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Unmeasured::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn skip(&mut self, length: u64) -> Result<(), Unmeasured> {
        self.take(length).map(drop)
    }

    /// A length, and so many bytes.
    fn skip_prefixed(&mut self) -> Result<(), Unmeasured> {
        let length = self.number()?;
        self.skip(length)
    }

    /// The columns that follow: name and length of each.
    fn columns(&mut self) -> Result<Vec<(u64, u64)>, Unmeasured> {
        let mut columns = Vec::new();
        for _ in 0..self.number()? {
            columns.push((self.number()?, self.number()?));
        }
        Ok(columns)
    }

    /// LEB128; of a signed one the bits as they stand.
    fn number(&mut self) -> Result<u64, Unmeasured> {
        self.leb128().map(|(bits, _)| bits)
    }

    /// The bits and how many were given.
    fn leb128(&mut self) -> Result<(u64, u32), Unmeasured> {
        let (mut bits, mut given) = (0_u64, 0);
        loop {
            let &[byte] = self.take(1)? else { return Err(Unmeasured::Malformed) };
            if given > 63 {
                return Err(Unmeasured::Malformed);
            }
            bits |= u64::from(byte & 0x7f) << given;
            given += 7;
            if byte & 0x80 == 0 {
                return Ok((bits, given));
            }
        }
    }

    fn signed(&mut self) -> Result<i64, Unmeasured> {
        let (bits, given) = self.leb128()?;
        let is_negative = given > 0 && given < 64 && bits >> (given - 1) == 1;
        let extended = if is_negative { bits | (u64::MAX << given) } else { bits };
        Ok(extended.cast_signed())
    }

    /// One run of a run-length encoded column: so many times one value (above 0), so many values one after the other (below), or
    /// so many that are not there (0, and then how many).
    fn run(&mut self, kind: u64) -> Result<u64, Unmeasured> {
        let length = self.signed()?;
        match length {
            0 => self.number(),
            1.. => {
                self.value(kind)?;
                Ok(length.unsigned_abs())
            }
            ..0 => {
                for _ in 0..length.unsigned_abs() {
                    self.value(kind)?;
                }
                Ok(length.unsigned_abs())
            }
        }
    }

    fn value(&mut self, kind: u64) -> Result<(), Unmeasured> {
        match kind {
            STRINGS => self.skip_prefixed(),
            DELTA => self.signed().map(drop),
            _ => self.number().map(drop),
        }
    }
}
