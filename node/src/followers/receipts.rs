//! A receipt for every movement of money, made from the fact that tells of it: what became of the payment since changes no slip.
//! The cursor moves when the paper is out, so a slip that a crash took away is printed at the next start.

use std::sync::Arc;

use guitai_core::{
    journal::fact::Fact,
    receipt::{Occasion, Receipt},
    time::UtcMs,
};
use guitai_store::follower::{self, Followed};

use super::following::Following;
use crate::{
    app::App,
    devices::{Copy, Letterhead, Slip},
};

/// The follower's name.
pub(crate) const NAME: &str = "receipts";

/// A receipt is printed by itself within this time of its fact, in ms. Later the customer is gone, and what a printer without paper
/// or a night without power left behind must not come out between the slips of those who wait; a person prints it again.
const AGE_MAX_MS: u64 = 10 * 60 * 1000;

pub(super) async fn follow(app: Arc<App>, mut following: Following) {
    let mut left = 0_u64;
    while let Some(news) = following.next().await {
        for one in &news.facts {
            match print(&app, one).await {
                Outcome::None => {}
                Outcome::Out => following.done(one.no).await,
                Outcome::TooOld => left += 1,
            }
        }
        following.done(news.upto).await;
        if left > 0 && news.upto >= *app.committed.borrow() {
            tracing::warn!(
                left,
                "receipts older than 10 minutes are not printed by themselves; print them again from the list"
            );
            left = 0;
        }
    }
}

enum Outcome {
    /// The fact has none, or there is no printer.
    None,
    /// It was sent to the printer.
    Out,
    /// It was too old, or became so before the printer took it.
    TooOld,
}

async fn print(app: &Arc<App>, one: &Followed) -> Outcome {
    let Fact::Payment(fact) = &one.fact else { return Outcome::None };
    if fact.moved().is_none() || !app.printer.is_there() {
        return Outcome::None;
    }
    let Some(patience_ms) = patience_ms(fact.at(), app.trusted_now()) else { return Outcome::TooOld };
    let Some(receipt) = receipt(app, one).await else { return Outcome::None };
    match app.printer.print_out(receipt, patience_ms).await {
        Slip::Out => Outcome::Out,
        Slip::TakenBack => Outcome::TooOld,
    }
}

/// How long a slip still waits for its printer; none if it is too old. A fact stamped ahead of the time is of now.
fn patience_ms(at: UtcMs, now: UtcMs) -> Option<u64> {
    let age_ms = u64::try_from(now.0.saturating_sub(at.0)).unwrap_or(0);
    AGE_MAX_MS.checked_sub(age_ms).filter(|left| *left > 0)
}

async fn receipt(app: &Arc<App>, one: &Followed) -> Option<Receipt> {
    let (journal, no, order_no) = (app.journal(), one.no, one.order_no?);
    let read = app.read(move |connection| follower::payment_upto(connection, &journal, no, order_no)).await;
    let Ok(facts) = read else {
        tracing::error!(order.no = %order_no, fact = %no, "no receipt: the payment's facts cannot be read");
        return None;
    };
    let head = Letterhead { title: &app.title, store: &app.store, clock: &app.clock };
    head.receipt(Occasion::of(&facts)?, app.trusted_now(), Copy::First)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_waits_for_ten_minutes_and_no_longer() {
        let at = UtcMs(1_767_579_072_000);
        let after = |ms| patience_ms(at, UtcMs(at.0 + ms));
        assert_eq!(after(0), Some(600_000));
        assert_eq!(after(599_999), Some(1));
        assert_eq!((after(600_000), after(86_400_000)), (None, None));
        assert_eq!(after(-5_000), Some(600_000), "stamped ahead of the time");
    }
}
