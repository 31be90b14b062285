//! What an acquirer promises and wants, as data (acquirers.md 1.4 and 7). The payment core asks here and knows no acquirer.

use crate::time::Day;

/// An acquirer's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// When it is asked.
    pub pace: Pace,
    /// How a charge is taken back.
    pub reversal: ReversalTerms,
}

/// An acquirer's pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// From the charge's answer or silence to the first query, in ms.
    pub first_query_ms: u64,
    /// Between queries, in ms.
    pub query_interval_ms: u64,
    /// From the charge to the moment after which a query that is not paid leads to a reversal, in ms.
    pub deadline_ms: u64,
    /// Connecting takes at most this long, in ms.
    pub connect_timeout_ms: u64,
    /// The whole call takes at most this long, in ms.
    pub answer_timeout_ms: u64,
}

/// How an acquirer takes a charge back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReversalTerms {
    /// Whether a reversal has a number of its own, by which it is asked about. Without, the charge itself tells.
    pub numbered: bool,
    /// Until when.
    pub window: Window,
    /// A cashier may give a payment up this long after the charge, in ms: earlier the acquirer, or a wallet behind it, reverses
    /// nothing.
    pub not_before_ms: u64,
    /// Whether what is unpaid is closed once its reversal was refused: the acquirer's day may have ended before ours, and closing
    /// has no window.
    pub close_when_refused: bool,
}

/// Until when an acquirer reverses. Afterwards what was paid is refunded, and what was not is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// On the day of the charge, in Beijing.
    SameDay,
    /// For so many ms after the charge.
    Within {
        /// How many.
        ms: u64,
    },
}

impl Window {
    /// Whether a charge of that day and age, in ms, can be reversed.
    #[must_use]
    pub fn is_open(self, charged_on: Day, today: Day, age_ms: u64) -> bool {
        match self {
            Self::SameDay => charged_on == today,
            Self::Within { ms } => age_ms < ms,
        }
    }
}
