//! automerge's chunks, read strictly. The library keeps what it can of a damaged run of chunks and drops the rest in silence;
//! here a run is whole or refused.
//!
//! A chunk is magic 4 bytes, checksum 4, kind 1, length (LEB128), data. Kinds: 0 a whole document, 1 a change, 2 a deflated
//! change. Kind 3, the bundle, is experimental and refused.

use automerge::{AutoCommit, Change, LoadOptions, OnPartialLoad, VerificationMode};

use crate::measure::{Measure, Shape, Unmeasured};

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const KIND_AT: usize = 8;
const LENGTH_AT: usize = 9;

/// A run of chunks that is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl From<Malformed> for Unmeasured {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// What a chunk holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Document,
    Change,
}

/// All changes in a run of chunks, in the order they stand.
pub(crate) fn changes(mut run: &[u8]) -> Result<Vec<Change>, Malformed> {
    let mut changes = Vec::new();
    while !run.is_empty() {
        let (kind, chunk, rest) = split(run)?;
        match kind {
            Kind::Document => changes.extend(load(chunk)?.get_changes(&[])),
            Kind::Change => changes.push(change(chunk)?),
        }
        run = rest;
    }
    Ok(changes)
}

/// The document that a run of chunks makes; all of it, or none.
pub(crate) fn load(run: &[u8]) -> Result<AutoCommit, Malformed> {
    let strict = LoadOptions::new().on_partial_load(OnPartialLoad::Error).verification_mode(VerificationMode::Check);
    AutoCommit::load_with_options(run, strict).map_err(|_| Malformed)
}

/// Reading a single change does not compare its checksum, reading a run does (and drops the change).
fn change(chunk: &[u8]) -> Result<Change, Malformed> {
    let change = Change::from_bytes(chunk.to_vec()).map_err(|_| Malformed)?;
    let (checksum, hash) = (chunk.get(MAGIC.len()..KIND_AT), change.hash());
    if checksum == hash.0.get(..KIND_AT - MAGIC.len()) { Ok(change) } else { Err(Malformed) }
}

/// What a run comes to, before the library reads it.
pub(crate) fn measure(mut run: &[u8], measure: &mut Measure) -> Result<(), Unmeasured> {
    while !run.is_empty() {
        let cut = cut(run)?;
        measure.add(cut.shape, cut.data)?;
        run = cut.rest;
    }
    Ok(())
}

/// The first chunk of a run and what follows it.
pub(crate) fn split(run: &[u8]) -> Result<(Kind, &[u8], &[u8]), Malformed> {
    let Cut { shape, chunk, rest, .. } = cut(run)?;
    let kind = match shape {
        Shape::Document => Kind::Document,
        Shape::Change | Shape::DeflatedChange => Kind::Change,
    };
    Ok((kind, chunk, rest))
}

/// A run's first chunk, and what follows it.
struct Cut<'a> {
    shape: Shape,
    chunk: &'a [u8],
    /// The chunk without its head.
    data: &'a [u8],
    rest: &'a [u8],
}

fn cut(run: &[u8]) -> Result<Cut<'_>, Malformed> {
    if run.get(..MAGIC.len()) != Some(MAGIC.as_slice()) {
        return Err(Malformed);
    }
    let shape = match run.get(KIND_AT) {
        Some(0) => Shape::Document,
        Some(1) => Shape::Change,
        Some(2) => Shape::DeflatedChange,
        Some(_) | None => return Err(Malformed),
    };
    let (length, used) = leb128(run.get(LENGTH_AT..).ok_or(Malformed)?)?;
    let data_at = LENGTH_AT + used;
    let end = data_at.checked_add(length).ok_or(Malformed)?;
    let (chunk, rest) = run.split_at_checked(end).ok_or(Malformed)?;
    let data = chunk.get(data_at..).ok_or(Malformed)?;
    Ok(Cut { shape, chunk, data, rest })
}

fn leb128(bytes: &[u8]) -> Result<(usize, usize), Malformed> {
    // Four groups of 7 bits reach 256 MiB, a thousand times any chunk of ours.
    const GROUPS_MAX: usize = 4;
    let mut value = 0;
    for (place, byte) in bytes.iter().enumerate().take(GROUPS_MAX) {
        value |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok((value, place + 1));
        }
    }
    Err(Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::GENESIS;

    #[test]
    fn a_run_is_whole_or_refused() {
        assert_eq!(changes(&GENESIS).expect("the first change").len(), 1);
        let twice = [GENESIS.as_slice(), GENESIS.as_slice()].concat();
        assert_eq!(changes(&twice).expect("two chunks").len(), 2);
        for end in 1..GENESIS.len() {
            assert!(changes(&GENESIS[..end]).is_err(), "cut at {end}");
        }
        for place in 0..GENESIS.len() {
            let mut bytes = GENESIS.to_vec();
            bytes[place] ^= 0x01;
            assert!(changes(&bytes).is_err(), "flipped at {place}");
        }
    }

    #[test]
    fn a_length_beyond_the_run_is_refused() {
        let mut bytes = GENESIS[..LENGTH_AT].to_vec();
        bytes.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
        assert!(split(&bytes).is_err());
        assert_eq!(leb128(&[0x80, 0x01]), Ok((128, 2)));
        assert_eq!(leb128(&[]), Err(Malformed));
    }
}
