//! Which protocol two ends speak: the lower of what both know.
//!
//! The shape of `Hello` and `HelloAnswer` never changes; everything after them is what the agreed version says. A frame is
//! refused unless it is byte for byte what this code would have written, so a change of shape needs a new number here.
//!
//! | version | new |
//! | --- | --- |
//! | 2 | `Status` tells the store's day |

/// The newest protocol this code speaks.
pub const NEWEST: u16 = 2;

/// From here on a node tells its store's day.
pub(super) const TELLS_DAY: u16 = 2;

/// The oldest it still speaks.
pub const OLDEST: u16 = 1;

/// What to speak with a peer whose newest is `theirs`; `None` if nothing is common.
#[must_use]
pub fn agree(theirs: u16) -> Option<u16> {
    let common = theirs.min(NEWEST);
    (common >= OLDEST).then_some(common)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_of_both_is_spoken() {
        assert_eq!(agree(NEWEST), Some(NEWEST));
        assert_eq!(agree(u16::MAX), Some(NEWEST));
        assert_eq!(agree(OLDEST - 1), None);
    }
}
