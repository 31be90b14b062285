//! Performs the engine's calls: encode, send, decode, answer. Every decision is the acquirer's codec's; every call is answered.

use std::{fmt::Write as _, sync::Arc};

use guitai_core::{
    acquirer::{Acquirer, Answer, Call, Expected, Reply},
    clock::Witness,
    time::{Ticks, UtcMs},
};
use guitai_link::acquirer::AcquirerClient;
use guitai_till::{Command, Handle};
use tokio::{runtime, sync::Semaphore};

/// Charges under way at once; a customer stands behind each. More wait here, unsent.
const CHARGES_MAX: usize = 64;

/// Questions, reversals and refunds under way at once: with the acquirer out of reach each hangs for its whole timeout, and none of
/// them may keep a charge waiting.
const OTHER_CALLS_MAX: usize = 16;

/// The line to the acquirer.
#[derive(Clone)]
pub(crate) struct AcquirerLine {
    acquirer: Arc<Acquirer>,
    client: Arc<AcquirerClient>,
    runtime: runtime::Handle,
    charges: Arc<Semaphore>,
    others: Arc<Semaphore>,
}

impl AcquirerLine {
    pub(crate) fn new(acquirer: Acquirer, client: AcquirerClient, runtime: runtime::Handle) -> Self {
        let (charges, others) = (Arc::new(Semaphore::new(CHARGES_MAX)), Arc::new(Semaphore::new(OTHER_CALLS_MAX)));
        Self { acquirer: Arc::new(acquirer), client: Arc::new(client), runtime, charges, others }
    }

    /// Sends one call and hands its answer to the till.
    pub(crate) fn perform(&self, call: Call, till: Handle) {
        let this = self.clone();
        let (question, sent) = (call.question(), till.clock().up());
        let asked = self.runtime.spawn(async move { this.ask(call).await });
        let acquirer = Arc::clone(&self.acquirer);
        self.runtime.spawn(async move {
            // A call whose task died may have been sent: it counts as unanswered, so that the payment is asked about.
            let (answer, date) = asked.await.unwrap_or_else(|error| {
                let (order_no, name) = (question.order_no(), acquirer.name());
                tracing::error!(order.no = %order_no, acquirer = name, %error, "a call failed inside the node");
                let reply = Reply::NoAnswer { detail: "failed inside the node".into() };
                (acquirer.decode(&question, &reply), reply.date())
            });
            bear_witness(&till, &answer, date, sent);
            // Without an engine there is nobody to tell; the journal's open payment is asked about at the next start.
            let _ = till.send(Command::Answered(question.order_no(), answer, date));
        });
    }

    /// Asks about an order of long ago, for the time of the answer: where this machine's clock is in doubt, the first sale must not
    /// be the one to find out.
    pub(crate) async fn ask_the_time(&self, of: Expected, till: &Handle) {
        let sent = till.clock().up();
        let (answer, date) = self.ask(Call::Query(of)).await;
        bear_witness(till, &answer, date, sent);
    }

    /// The call, and with it the payment code, lives no longer than its request.
    async fn ask(&self, call: Call) -> (Answer, Option<UtcMs>) {
        let lane = if matches!(call, Call::Charge(_)) { &self.charges } else { &self.others };
        // Nobody closes them; without one the call would go all the same.
        let _under_way = lane.acquire().await.ok();
        let (question, request) = (call.question(), self.acquirer.encode(&call, &nonce()));
        drop(call);
        let reply = self.client.post(request).await;
        (self.acquirer.decode(&question, &reply), reply.date())
    }
}

/// Only an answer that was proven to be the acquirer's is a witness of the time.
fn bear_witness(till: &Handle, answer: &Answer, date: Option<UtcMs>, asked: Ticks) {
    if let (Some(said), true) = (date, answer.is_proven()) {
        // Without an engine there is nobody to tell.
        let _ = till.send(Command::TimeTold { said, by: Witness::Acquirer, asked });
    }
}

/// 128 random bits in 32 hexadecimal digits, as `randomstr` allows at most.
pub(crate) fn nonce() -> String {
    let mut bytes = [0; 16];
    // A repeated nonce weakens nothing we rely on; a machine without randomness could not have made its identity.
    let _ = getrandom::fill(&mut bytes);
    bytes.iter().fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
