//! One signed question to the acquirer, about an order that cannot exist: no money moves, and the answer tells whether line, merchant and
//! keys are right.

use std::time::{Duration, Instant};

use guitai_core::{
    acquirer::{Acquirer, Call, Expected, Pace, Reply, SetUp},
    ids::{Issuer, Numbering, OrderNo},
    money::Fen,
    secret::Wallet,
    time::UtcMs,
};
use guitai_link::acquirer::{AcquirerClient, BaseError};

use crate::{
    acquirer::nonce,
    doctor::{QueryObservation, SetUpObservation},
};

/// No store's node has this number: theirs end below it.
const NOBODY: u32 = 999_999;

/// What of an acquirer's words is shown, in characters.
const SAID_MAX_CHARS: usize = 80;

/// Asks, and waits so long for the answer.
pub(crate) async fn ask(acquirer: &Acquirer, base: &str, limit: Duration) -> QueryObservation {
    let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    let terms = acquirer.terms().pace;
    let pace =
        Pace { answer_timeout_ms: limit_ms, connect_timeout_ms: terms.connect_timeout_ms.min(limit_ms), ..terms };
    let client = match AcquirerClient::new(base, pace) {
        Ok(client) => client,
        Err(BaseError::NotAnAddress { .. } | BaseError::PlainHttp) => return QueryObservation::BadAddress,
        Err(BaseError::Tls { .. }) => return QueryObservation::NotSent,
    };
    let Some(order_no) = nobodys_number() else { return QueryObservation::NotSent };
    let call = Call::Query(Expected { order_no, amount: Fen::new(1), wallet: Wallet::Other });
    let (question, request) = (call.question(), acquirer.encode(&call, &nonce()));
    let begun = Instant::now();
    let reply = client.post(request).await;
    let took = begun.elapsed();
    match &reply {
        Reply::NotSent { .. } => QueryObservation::NotSent,
        // As long as the client waited: its clock knows no part of a millisecond.
        Reply::NoAnswer { .. } if took >= Duration::from_millis(limit_ms) => QueryObservation::Mute,
        Reply::NoAnswer { .. } => QueryObservation::Cut,
        Reply::Http { status, .. } => {
            let set_up = match acquirer.set_up(&question, &reply) {
                SetUp::Right => SetUpObservation::Right,
                SetUp::Refused(refusal) => {
                    SetUpObservation::Refused { said: plain(&format!("{} {}", refusal.code, refusal.message)) }
                }
                SetUp::Unproven { .. } => SetUpObservation::Unproven,
                SetUp::Unclear { .. } if *status != 200 => SetUpObservation::Http { status: *status },
                SetUp::Unclear { .. } => SetUpObservation::Unclear,
            };
            QueryObservation::Answered { took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX), set_up }
        }
    }
}

/// A number of the first day that numbers know, by an issuer whom no node can be.
fn nobodys_number() -> Option<OrderNo> {
    Some(Numbering::resume(Issuer::new(NOBODY)?, None).next(UtcMs(0)))
}

/// What somebody else wrote, fit for a terminal.
fn plain(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(SAID_MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use guitai_core::limits;

    use super::*;

    #[test]
    fn the_number_asked_about_can_be_nobodys() {
        let no = nobodys_number().unwrap();
        assert_eq!(OrderNo::parse(no.as_str()), Some(no), "it is a number as the acquirer knows them");
        assert!(!limits::ISSUERS_OF_NODES.contains(&no.issuer().unwrap().get()));
        assert_eq!(no.day().and_then(|day| day.count()), Some(*limits::ORDER_DAYS.start()));
        assert_eq!(plain("\u{1b}[31mno\n"), "[31mno");
    }
}
