//! What a payment waits for. Nothing here is durable: it is put together again after a restart ([`super::resume`]).

use alloc::string::String;

use crate::{
    acquirer::{Answer, Question, Refusal},
    time::{Now, Since, Ticks},
};

/// What a reversal or refund does when its wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Send it under its number.
    Send,
    /// Ask what became of it.
    Ask,
    /// Firmly answered: ask which way the charge went.
    AskCharge,
}

/// The acquirer's firm word on the last try of a reversal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Done; how often the charge was still said to be paid since.
    Done { contradicted: u8 },
    /// Refused.
    Refused(Refusal),
}

/// The volatile half of a payment.
#[derive(Clone, Debug)]
pub(super) struct Wait {
    /// The call under way; its answer is the only one awaited.
    pub(super) calling: Option<Question>,
    /// When to act next.
    pub(super) wake: Option<Ticks>,
    /// From when the charge's deadlines count.
    pub(super) asked: Since,
    /// From when those of the reversal or refund under way count.
    pub(super) returning: Since,
    /// From when the looks for late money count: the end on record.
    pub(super) ended: Since,
    /// Whether the last query left past the deadline or after the cashier gave up: only such an answer leads to a reversal.
    pub(super) decisive: bool,
    /// What the reversal or refund under way does next.
    pub(super) next: Next,
    /// Calls made for the reversal or refund under way.
    pub(super) tries: u32,
    /// Whether an earlier call under the same number may have worked unseen: before a restart, or unanswered.
    pub(super) seen_before: bool,
    /// See [`Word`].
    pub(super) word: Option<Word>,
}

impl Wait {
    pub(super) const fn from(asked: Since) -> Self {
        Self {
            calling: None,
            wake: None,
            asked,
            returning: asked,
            ended: asked,
            decisive: false,
            next: Next::Send,
            tries: 0,
            seen_before: false,
            word: None,
        }
    }

    /// Whether this answer was awaited; it is no more.
    pub(super) fn answered(&mut self, answer: &Answer) -> bool {
        let awaited = self.calling.is_some_and(|question| answer.is_to(&question));
        if awaited {
            self.calling = None;
        }
        awaited
    }

    /// Ends every wait.
    pub(super) fn rest(&mut self) {
        self.calling = None;
        self.wake = None;
        self.word = None;
    }

    /// A new reversal or refund begins.
    pub(super) fn begin(&mut self, now: Now) {
        self.returning = Since::now(now);
        self.next = Next::Send;
        self.tries = 0;
        self.seen_before = false;
    }
}

/// Other people's texts enter facts at this length at most, so that a fact always reads back.
pub(super) fn clip(text: String) -> String {
    match text.char_indices().nth(crate::limits::FOREIGN_TEXT_MAX_CHARS) {
        Some((end, _)) => text.get(..end).unwrap_or("").into(),
        None => text,
    }
}
