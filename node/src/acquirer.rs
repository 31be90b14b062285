//! Performs the engine's calls: encode, send, decode, answer. Every decision is the codec's; every call is answered.

use std::{fmt::Write as _, sync::Arc};

use guitai_core::{
    acquirer::{Call, Expected, Reply, allinpay::Allinpay},
    ids::OrderNo,
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
        let asked = Asked::of(&call);
        let call = self.runtime.spawn(async move { this.ask(call, &expected).await });
        let codec = Arc::clone(&self.codec);
        self.runtime.spawn(async move {
            // A call whose task died may have been sent: it counts as unanswered, so that the payment is asked about.
            let answer = call.await.unwrap_or_else(|error| {
                tracing::error!(order.no = %expected.order_no, %error, "a call to the acquirer failed inside the node");
                asked.answer(&codec, &expected, &Reply::NoAnswer { detail: "failed inside the node".into() })
            });
            // Without an engine there is nobody to tell; the journal's open payment is asked about at the next start.
            let _ = till.send(Command::Answered(expected.order_no, answer));
        });
    }

    async fn ask(&self, call: Call, expected: &Expected) -> Answer {
        let request = self.codec.encode(&call, &nonce());
        let asked = Asked::of(&call);
        drop(call);
        let reply = self.client.post(request).await;
        asked.answer(&self.codec, expected, &reply)
    }
}

/// What was asked, without the payment code, which lives no longer than its request.
#[derive(Clone, Copy)]
pub(crate) enum Asked {
    Charge,
    Query,
    Reverse(OrderNo),
    QueryReversal(OrderNo),
    Refund(OrderNo),
    QueryRefund(OrderNo),
}

impl Asked {
    pub(crate) const fn of(call: &Call) -> Self {
        match call {
            Call::Charge(_) => Self::Charge,
            Call::Query { .. } => Self::Query,
            Call::Reverse { reversal_no, .. } => Self::Reverse(*reversal_no),
            Call::QueryReversal { reversal_no } => Self::QueryReversal(*reversal_no),
            Call::Refund { refund_no, .. } => Self::Refund(*refund_no),
            Call::QueryRefund { refund_no } => Self::QueryRefund(*refund_no),
        }
    }

    /// What the reply means to the engine.
    pub(crate) fn answer(self, codec: &Allinpay, expected: &Expected, reply: &Reply) -> Answer {
        match self {
            Self::Charge => Answer::Charge(codec.decode_charge(expected, reply)),
            Self::Query => Answer::Query(codec.decode_query(expected, reply)),
            Self::Reverse(no) => Answer::Reversal(codec.decode_reversal(&no, reply)),
            Self::QueryReversal(no) => Answer::ReversalQuery(codec.decode_reversal_query(&no, reply)),
            Self::Refund(no) => Answer::Refund(codec.decode_refund(&no, reply)),
            Self::QueryRefund(no) => Answer::RefundQuery(codec.decode_refund_query(&no, reply)),
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
