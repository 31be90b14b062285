//! The one permitted form of stored bytes.

/// Whether bytes are exactly one CBOR item in its one permitted form: shortest integers and lengths, definite lengths, map
/// keys that are unsigned integers in growing order, no floats, no tags, nothing behind (RFC 8949 section 4.2.1, narrowed).
#[must_use]
pub(super) fn is_canonical(bytes: &[u8]) -> bool {
    let mut left = bytes;
    canonical_item(&mut left, 8).is_some() && left.is_empty()
}

fn canonical_item(left: &mut &[u8], depth: u8) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    let (major, argument) = head(left)?;
    match major {
        0 | 1 => Some(()),
        2 => take(left, argument).map(|_| ()),
        3 => core::str::from_utf8(take(left, argument)?).ok().map(|_| ()),
        4 => (0..argument).try_for_each(|_| canonical_item(left, depth)),
        5 => {
            let mut previous = None;
            for _ in 0..argument {
                let (0, key) = head(left)? else { return None };
                if previous.is_some_and(|previous| previous >= key) {
                    return None;
                }
                previous = Some(key);
                canonical_item(left, depth)?;
            }
            Some(())
        }
        // false, true, null
        7 if (20..=22).contains(&argument) => Some(()),
        _ => None,
    }
}

fn head(left: &mut &[u8]) -> Option<(u8, u64)> {
    let first = *take(left, 1)?.first()?;
    let (major, short) = (first >> 5, first & 0x1f);
    let width = match short {
        0..=23 => return Some((major, u64::from(short))),
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return None,
    };
    let argument = take(left, width)?.iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    let least = match width {
        1 => 24,
        2 => 1 << 8,
        4 => 1 << 16,
        _ => 1 << 32,
    };
    (argument >= least).then_some((major, argument))
}

fn take<'b>(left: &mut &'b [u8], count: u64) -> Option<&'b [u8]> {
    let (taken, rest) = left.split_at_checked(usize::try_from(count).ok()?)?;
    *left = rest;
    Some(taken)
}
