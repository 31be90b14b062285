//! Who waits for which payment. A waiter is entered by the engine's own reply, before any later change of the payment can
//! leave the engine, so no change is missed and none is looked for in the database.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use guitai_core::{ids::OrderNo, payment::State};
use guitai_till::Accepted;
use tokio::sync::watch;

/// Payments somebody waits for.
#[derive(Debug, Default)]
pub(crate) struct Waiters(Mutex<HashMap<OrderNo, watch::Sender<State>>>);

/// One wait.
#[derive(Debug)]
pub(crate) struct Wait(Option<watch::Receiver<State>>);

impl Waiters {
    /// Begins to wait for a payment that is not final.
    pub(crate) fn enter(&self, accepted: Accepted) -> Wait {
        if accepted.state.is_final() {
            return Wait(None);
        }
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = waiting.entry(accepted.order_no).or_insert_with(|| watch::Sender::new(accepted.state));
        Wait(Some(sender.subscribe()))
    }

    /// Tells the waiters of a change; a final one ends their wait.
    pub(crate) fn tell(&self, changed: Accepted) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if changed.state.is_final() {
            if let Some(sender) = waiting.remove(&changed.order_no) {
                sender.send_replace(changed.state);
            }
        } else if let Some(sender) = waiting.get(&changed.order_no) {
            sender.send_replace(changed.state);
        }
    }
}

impl Wait {
    /// Waits until the payment is final, at most this long.
    pub(crate) async fn final_or(self, at_most: Duration) {
        if let Some(mut receiver) = self.0 {
            let ended = receiver.wait_for(|state| state.is_final());
            // Either way the caller reads the payment as it then stands.
            let _ = tokio::time::timeout(at_most, ended).await;
        }
    }
}
