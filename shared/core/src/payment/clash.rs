//! A first send answered "number used": an order of this number was at the acquirer before ours. A box restored from an old
//! copy, or a clock that had run ahead, drew it once already. Its success says nothing about our customer (rule 1).

use alloc::string::String;

use super::{
    Payment, State, Step,
    fact::{ClosedReason, NumberUsed},
    wait::clip,
};
use crate::{
    acquirer::{PaidEvidence, QueryAnswer},
    ids::Numbering,
    secret::Wallet,
    time::{Now, UtcMs},
};

/// What was finished this much before "number used" was answered is another's order, in ms. Both times are the acquirer's.
const ANOTHERS_BEFORE_MS: i64 = 120_000;

impl Payment {
    pub(super) fn number_used(&mut self, now: Now, detail: String, date: Option<UtcMs>) -> Step {
        self.wait.wake = Some(now.up.after_ms(self.terms.pace.first_query_ms));
        let (answered_at, detail) = (date.unwrap_or(now.wall), Some(clip(detail).into()));
        self.record(NumberUsed { order_no: self.order_no(), at: now.wall, answered_at, detail })
    }

    /// What a query says of an order whose number was used before ours. Never paid: what agrees in everything is for a person.
    pub(super) fn clash_answered(
        &mut self,
        now: Now,
        answered_at: UtcMs,
        answer: QueryAnswer,
        numbers: &mut Numbering,
    ) -> Step {
        match answer {
            QueryAnswer::Paid(evidence) if !self.is_anothers(answered_at, &evidence) => {
                numbers.jump();
                self.quarantined(
                    now,
                    "订单号重复，无法判断是哪一笔 / number used before; whose money is it?".into(),
                    evidence,
                )
            }
            QueryAnswer::Paid(_) | QueryAnswer::Mismatched { .. } | QueryAnswer::Failed(_) | QueryAnswer::Reversed => {
                numbers.jump();
                self.closed(
                    now,
                    ClosedReason::NumberUsed,
                    Some("订单号被占用，请顾客重新出示付款码 / number used before".into()),
                )
            }
            // Another's customer may be acting, or the book lags behind its own answer: reversing would hit another's order.
            QueryAnswer::Pending | QueryAnswer::NotFound | QueryAnswer::Unknown { .. } => {
                debug_assert!(self.state() != State::Reversing, "another's order is never reversed");
                self.wait_for_query(now);
                Step::nothing()
            }
        }
    }

    fn is_anothers(&self, answered_at: UtcMs, evidence: &PaidEvidence) -> bool {
        let intent = self.standing.intent();
        let other_wallet = match (evidence.wallet, intent.code.wallet) {
            (None, _) | (_, Wallet::Other) => false,
            (Some(said), asked) => said != asked,
        };
        let before = evidence.finished_at.is_some_and(|at| at.0.saturating_add(ANOTHERS_BEFORE_MS) < answered_at.0);
        evidence.asked != intent.amount || other_wallet || before
    }
}
