//! A manager, after the mending: what only a person can end is ended by what the acquirer's own list says of it.

use guitai_core::{
    ids::AccountId,
    payment::{Settlement, State},
    people::{Approval, Idempotency},
};
use guitai_sandbox::book;
use guitai_store::{bills, query::PaymentRow};
use guitai_till::{Command, SettleRequest};

use super::World;
use crate::{mutant::Mutant, oracle::Violation, plan::MINUTE_MS};

/// What is older than this waits for a person, as the list of exceptions has it.
const STUCK_AFTER_MS: i64 = 120_000;

impl World {
    pub(super) fn manage(&mut self) -> Result<(), Violation> {
        if self.mutant == Some(Mutant::NobodyWakes) {
            return Ok(());
        }
        for counter in 0..self.counters.len() {
            if self.counters[counter].retired || self.is_given_up(counter) {
                continue;
            }
            let store = self.counters[counter].store.clone();
            let Some(life) = &self.counters[counter].life else { continue };
            let now = life.till.clock().trusted_now();
            let young = now.0 - STUCK_AFTER_MS..=now.0 + i64::try_from(MINUTE_MS).unwrap_or(0);
            let Ok(rows) = bills::for_a_person(&life.reader, store.as_str(), young) else { continue };
            for row in rows.into_iter().filter(|row| row.kind == "charge") {
                let Some(how) = self.by_the_list(&row) else { continue };
                self.tell(format_args!("a manager ends {} ({}): {}", row.no, row.state.as_str(), how.as_str()));
                let request = self.settlement(&row, how);
                self.oracle.settles(row.no);
                self.turn(counter, vec![Command::Settle(request, Box::new(drop))])?;
            }
        }
        Ok(())
    }

    /// What the acquirer's own list calls for.
    fn by_the_list(&mut self, row: &PaymentRow) -> Option<Settlement> {
        let now = self.now();
        let order = self.bank.orders(now).iter().find(|order| order.order_no == row.no.as_str()).cloned();
        let state = order.as_ref().map(|order| order.state);
        let back = order.as_ref().map_or(0, |order| order.refunded_fen);
        match row.state {
            State::Pending | State::Unknown | State::Held => match state {
                Some(book::State::Paid) => Some(Settlement::Accept),
                _ => Some(Settlement::Close),
            },
            State::Reversing if row.received.is_some() => match state {
                Some(book::State::Reversed | book::State::Refunded) => Some(Settlement::Close),
                _ => Some(Settlement::Accept),
            },
            State::Reversing => Some(Settlement::Close),
            State::Refunding if back > row.refunded.get() => Some(Settlement::Close),
            State::Refunding => Some(Settlement::Accept),
            State::Paid | State::PartRefunded if row.owed.get() > 0 => Some(Settlement::GiveBack),
            State::Paid
            | State::PartRefunded
            | State::Declined
            | State::Closed
            | State::Reversed
            | State::Refunded
            | State::Quarantined => None,
        }
    }

    fn settlement(&self, row: &PaymentRow, how: Settlement) -> SettleRequest {
        let key = format!("manager-{}-{}", row.no, self.now_ms());
        let idempotency = Idempotency { caller: "person:01".into(), key, body_hash: [1; 32] };
        let approver = AccountId::parse("01").ok();
        let approval = Approval { by: "person:01".into(), approver, idempotency };
        SettleRequest { order_no: row.no, how, approval, note: None }
    }
}
