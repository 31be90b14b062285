//! What is known when a call ends without an answer.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use guitai_core::acquirer::Reply;

/// Whether a byte of the request was handed to a line. Set before the byte leaves, so that "no" is certain.
#[derive(Clone, Debug, Default)]
pub(super) struct Said(Arc<AtomicBool>);

impl Said {
    pub(super) fn note(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(super) fn anything(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// The honest reply. Nothing that could still write may be alive.
    pub(super) fn unanswered(&self, detail: String) -> Reply {
        if self.anything() { Reply::NoAnswer { detail } } else { Reply::NotSent { detail } }
    }
}

/// The error and its causes, without the address.
pub(super) fn words(kind: &str, error: &dyn Error) -> String {
    let mut text = format!("{kind}: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
