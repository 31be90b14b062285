//! Performs the engine's calls: encode, send, decode, answer. Every decision is the codec's; every call is answered.

use std::{fmt::Write as _, sync::Arc};

use guitai_core::{
    acquirer::{Call, Expected, ExpectedReturn, Reply, allinpay::Allinpay},
    clock::Witness,
    time::{Ticks, UtcMs},
};
use guitai_link::acquirer::AcquirerClient;
use guitai_till::{Answer, Command, Handle};
use tokio::runtime;

/// The line to the acquirer.
#[derive(Clone)]
pub(crate) struct Acquirer {
    codec: Arc<Allinpay>,
    client: Arc<AcquirerClient>,
    runtime: runtime::Handle,
}

impl Acquirer {
    pub(crate) fn new(codec: Allinpay, client: AcquirerClient, runtime: runtime::Handle) -> Self {
        Self { codec: Arc::new(codec), client: Arc::new(client), runtime }
    }

    /// Sends one call and hands its answer to the till.
    pub(crate) fn perform(&self, call: Call, expected: Expected, till: Handle) {
        let this = self.clone();
        let (asked, sent) = (Asked::of(&call), till.clock().up());
        let call = self.runtime.spawn(async move { this.ask(call, &expected).await });
        let codec = Arc::clone(&self.codec);
        self.runtime.spawn(async move {
            // A call whose task died may have been sent: it counts as unanswered, so that the payment is asked about.
            let (answer, date) = call.await.unwrap_or_else(|error| {
                tracing::error!(order.no = %expected.order_no, %error, "a call to the acquirer failed inside the node");
                let reply = Reply::NoAnswer { detail: "failed inside the node".into() };
                (asked.answer(&codec, &expected, &reply), reply.date())
            });
            bear_witness(&till, &answer, date, sent);
            // Without an engine there is nobody to tell; the journal's open payment is asked about at the next start.
            let _ = till.send(Command::Answered(expected.order_no, answer, date));
        });
    }

    /// Asks about an order of long ago, for the time of the answer: where this machine's clock is in doubt, the first sale must not
    /// be the one to find out.
    pub(crate) async fn ask_the_time(&self, of: Expected, till: &Handle) {
        let sent = till.clock().up();
        let (answer, date) = self.ask(Call::Query { order_no: of.order_no }, &of).await;
        bear_witness(till, &answer, date, sent);
    }

    async fn ask(&self, call: Call, expected: &Expected) -> (Answer, Option<UtcMs>) {
        let request = self.codec.encode(&call, &nonce());
        let asked = Asked::of(&call);
        drop(call);
        let reply = self.client.post(request).await;
        (asked.answer(&self.codec, expected, &reply), reply.date())
    }
}

/// Only an answer that was proven to be the acquirer's is a witness of the time.
fn bear_witness(till: &Handle, answer: &Answer, date: Option<UtcMs>, asked: Ticks) {
    if let (Some(said), true) = (date, answer.is_proven()) {
        // Without an engine there is nobody to tell.
        let _ = till.send(Command::TimeTold { said, by: Witness::Acquirer, asked });
    }
}

/// What was asked, without the payment code, which lives no longer than its request.
#[derive(Clone, Copy)]
pub(crate) enum Asked {
    Charge,
    Query,
    Reverse(ExpectedReturn),
    QueryReversal(ExpectedReturn),
    Close,
    Refund(ExpectedReturn),
    QueryRefund(ExpectedReturn),
}

impl Asked {
    pub(crate) const fn of(call: &Call) -> Self {
        match *call {
            Call::Charge(_) => Self::Charge,
            Call::Query { .. } => Self::Query,
            Call::Reverse { reversal_no: return_no, order_no, amount } => {
                Self::Reverse(ExpectedReturn { return_no, order_no, amount })
            }
            Call::QueryReversal { reversal_no: return_no, order_no, amount } => {
                Self::QueryReversal(ExpectedReturn { return_no, order_no, amount })
            }
            Call::Close { .. } => Self::Close,
            Call::Refund { refund_no: return_no, order_no, amount } => {
                Self::Refund(ExpectedReturn { return_no, order_no, amount })
            }
            Call::QueryRefund { refund_no: return_no, order_no, amount } => {
                Self::QueryRefund(ExpectedReturn { return_no, order_no, amount })
            }
        }
    }

    /// What the reply means to the engine.
    pub(crate) fn answer(self, codec: &Allinpay, expected: &Expected, reply: &Reply) -> Answer {
        match self {
            Self::Charge => Answer::Charge(codec.decode_charge(expected, reply)),
            Self::Query => Answer::Query(codec.decode_query(expected, reply)),
            Self::Reverse(back) => Answer::Reversal(codec.decode_reversal(&back, reply)),
            Self::QueryReversal(back) => Answer::ReversalQuery(codec.decode_reversal_query(&back, reply)),
            Self::Close => Answer::Reversal(codec.decode_close(&expected.order_no, reply)),
            Self::Refund(back) => Answer::Refund(codec.decode_refund(&back, reply)),
            Self::QueryRefund(back) => Answer::RefundQuery(codec.decode_refund_query(&back, reply)),
        }
    }
}

/// 128 random bits in 32 hexadecimal digits, as `randomstr` allows at most.
fn nonce() -> String {
    let mut bytes = [0; 16];
    // A repeated nonce weakens nothing we rely on; a machine without randomness could not have made its identity.
    let _ = getrandom::fill(&mut bytes);
    bytes.iter().fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
