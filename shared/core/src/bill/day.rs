//! Which day a bill belongs to whose source starts its numbers anew each day, and the request names none.

use super::Bill;
use crate::{money::Fen, time::Day};

/// Only the caller can tell which of two days is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayNeeded {
    /// The day before, on which the number was used.
    pub before: Day,
    /// Today.
    pub today: Day,
}

/// Today's bill, or the one of the store's last day before it: a bill that is still open and comes to the same is the same
/// bill over midnight. One that is covered, or comes to something else, is either a repeat from last night or a new bill, and
/// only the caller knows.
///
/// # Errors
/// Both choices.
pub fn choose_day(
    today: Day,
    todays: Option<&Bill>,
    before: Option<(Day, &Bill)>,
    total: Fen,
) -> Result<Day, DayNeeded> {
    match (todays, before) {
        (Some(_), _) | (None, None) => Ok(today),
        (None, Some((day, bill))) if bill.total() == total && bill.covered() < total => Ok(day),
        (None, Some((day, _))) => Err(DayNeeded { before: day, today }),
    }
}
