//! A journal that takes back what it lost, and what that means for the payments in it.

use guitai_core::{payment::Input, time::Now};
use guitai_store::{StoreError, ingest::Run};

use super::Engine;
use crate::command::FillDone;

impl Engine {
    /// What is open was decided on a history that changes: it is read again, and what is under way ends by asking. What could not
    /// be written leaves everything as it is: the counter sells on, and the line tries again.
    pub(super) fn fill(&mut self, now: Now, runs: &[Run], done: FillDone) -> Result<(), StoreError> {
        let answer = match self.setup.journal.fill(runs, self.setup.issuer, now.wall) {
            Ok(filled) => {
                self.open.clear();
                self.waits.clear();
                if let Some(last) = self.setup.journal.last_issued()? {
                    self.numbers.at_least(last);
                }
                self.take_up(now)?;
                if filled.entered > 0 {
                    self.give_back_what_came_second(now)?;
                }
                Ok(filled)
            }
            Err(error @ StoreError::Undecided(_)) => return Err(error),
            Err(StoreError::Corrupt(why) | StoreError::Fault(why)) => Err(why),
            Err(
                error @ (StoreError::Sqlite(_)
                | StoreError::File(..)
                | StoreError::Io(..)
                | StoreError::OldSqlite(_)
                | StoreError::ForeignFile(_)
                | StoreError::Unfinished
                | StoreError::NoRandomness(_)),
            ) => Err(format!(
                "取回的记录写不进本机账本，账本没有改动：请清出磁盘空间或检查磁盘，之后会自动再取；收款照常 / what came back could \
                 not be written here and nothing was changed: free disk space or check the disk, and it is fetched again by \
                 itself; payments go on ({error})"
            )),
        };
        self.after.push(Box::new(move || done(answer)));
        Ok(())
    }

    /// What was entered again may be for bills that the history which came back had paid: two sums for one bill (rule 6).
    pub(super) fn give_back_what_came_second(&mut self, now: Now) -> Result<(), StoreError> {
        let entered = self.setup.journal.charges_of_this_epoch()?;
        for (place, order_no) in entered.iter().enumerate() {
            let later = entered.get(place + 1..).unwrap_or_default();
            let recalled = if self.open.contains_key(order_no) { None } else { self.recall(*order_no)? };
            let Some(payment) = recalled.as_ref().or_else(|| self.open.get(order_no)) else { continue };
            let standing = payment.standing();
            if self.came_second(standing, standing.claim().covered, later)? {
                recalled.into_iter().for_each(|payment| self.hold(payment));
                self.step(now, *order_no, Input::CameSecond)?;
            }
        }
        Ok(())
    }
}
