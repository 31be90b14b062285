//! How node, hub, stores and devices are doing, and the small news of the event stream.

use guitai_core::{clock::Deviation, trust::Bar};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::value::words;
use crate::time::{Date, Time};

words! {
    /// A node's link to its hub.
    HubLink {
        /// Up.
        Connected "connected",
        /// Being tried.
        Connecting "connecting",
        /// Waiting for the next try.
        Down "down",
        /// The node belongs to no merchant yet.
        NotEnrolled "not_enrolled",
    }
}

words! {
    /// A node's health in a word.
    HealthStatus {
        /// All well.
        Ok "ok",
        /// Something needs a person.
        Degraded "degraded",
    }
}

words! {
    /// The scan box.
    ScannerState {
        /// It can scan.
        Ready "ready",
        /// It is configured but not there.
        Gone "gone",
        /// None is configured.
        Off "off",
    }
}

words! {
    /// The receipt printer.
    PrinterState {
        /// It says that it can print.
        Ready "ready",
        /// It prints, and says that its paper ends soon.
        NearEnd "near_end",
        /// It says that it has no paper; the receipts wait for it.
        PaperOut "paper_out",
        /// It says that its cover is open; the receipts wait.
        CoverOpen "cover_open",
        /// It says that its knife is stuck; the receipts wait.
        CutterError "cutter_error",
        /// It says that something else is wrong; the receipts wait.
        Error "error",
        /// It is there but says nothing about itself.
        Unknown "unknown",
        /// It is configured but not there.
        Gone "gone",
        /// None is configured.
        Off "off",
    }
}

words! {
    /// How far a node's wall clock is from trusted time.
    ClockWord {
        /// Less than a minute.
        Fine "fine",
        /// From a minute.
        Shown "shown",
        /// From five minutes, or time itself is in doubt: people must act.
        Alarm "alarm",
    }
}

impl From<Deviation> for ClockWord {
    fn from(deviation: Deviation) -> Self {
        match deviation {
            Deviation::Fine => Self::Fine,
            Deviation::Shown => Self::Shown,
            Deviation::Alarm => Self::Alarm,
        }
    }
}

words! {
    /// Why a node moves no money as it otherwise would. It gives nothing back and, but for `forked`, charges nobody.
    BarWord {
        /// Headquarters disabled this box.
        Revoked "revoked",
        /// Another box serves the store.
        Replaced "replaced",
        /// Another box runs with this box's key.
        Duplicate "duplicate",
        /// The hub holds facts that this journal lost and is taking back.
        Forked "forked",
        /// What this journal lost cannot be had back.
        Unfillable "unfillable",
    }
}

impl From<Bar> for BarWord {
    fn from(bar: Bar) -> Self {
        match bar {
            Bar::Revoked => Self::Revoked,
            Bar::Replaced => Self::Replaced,
            Bar::Duplicate => Self::Duplicate,
            Bar::Forked => Self::Forked,
            Bar::Unfillable => Self::Unfillable,
        }
    }
}

words! {
    /// Why a box serves its store no more.
    EndedWord {
        /// Headquarters disabled it.
        Revoked "revoked",
        /// Another box was let in.
        Replaced "replaced",
    }
}

words! {
    /// A store as the hub sees it.
    StoreState {
        /// Its link is up.
        Connected "connected",
        /// It was here before.
        Offline "offline",
        /// It never was.
        Never "never",
    }
}

/// `GET /sync`, and the event `sync`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sync {
    /// The link.
    pub hub: HubLink,
    /// Since when it is so.
    pub since: Time,
    /// Facts the hub has not acknowledged.
    pub unsent: u64,
    /// When the oldest of them happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub oldest_unsent_at: Option<Time>,
    /// The last fact the hub acknowledged, as `epoch-number`.
    #[schema(required)]
    pub acked: Option<String>,
    /// When the next try is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_retry_at: Option<Time>,
    /// What the last try failed of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_error: Option<String>,
    /// This machine's clock minus trusted time, in ms; absent before the acquirer or the hub said the time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub clock_offset_ms: Option<i64>,
    /// What that calls for.
    pub clock: ClockWord,
    /// Why this node moves no money as it otherwise would.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub bar: Option<BarWord>,
}

/// `GET /health`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// In a word.
    pub status: HealthStatus,
    /// It takes payments.
    pub accepting: bool,
    /// The program's version.
    pub version: String,
    /// The last fact, as `epoch-number`.
    pub facts: String,
    /// Facts the hub has not acknowledged.
    pub unsent: u64,
    /// What is plugged in.
    pub devices: Devices,
    /// This machine's clock minus trusted time, in ms; absent before the acquirer or the hub said the time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub clock_offset_ms: Option<i64>,
    /// What that calls for.
    pub clock: ClockWord,
}

/// What is plugged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Devices {
    /// The scan box.
    pub scanner: ScannerState,
    /// The receipt printer.
    pub printer: PrinterState,
}

/// A store as a row; also the event `store`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoreRow {
    /// Its id.
    pub store: String,
    /// Its name.
    pub name: String,
    /// Its link.
    pub state: StoreState,
    /// Since when it is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub since: Option<Time>,
    /// When it was last heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_seen_at: Option<Time>,
    /// The last fact the hub has of it, as `epoch-number`.
    #[schema(required)]
    pub facts: Option<String>,
    /// Facts it says it still has to send.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub unsent: Option<u64>,
    /// When the oldest of them happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub oldest_unsent_at: Option<Time>,
    /// Its machine's clock minus trusted time, in ms, while it is connected and knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub clock_offset_ms: Option<i64>,
    /// What that calls for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub clock: Option<ClockWord>,
    /// The issuer number of its box in force; none before the first is let in, and after the last was disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub issuer: Option<u32>,
    /// The short form of that box's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub node: Option<String>,
    /// Since when the store is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub closed_since: Option<Time>,
    /// When another box with the same key, a copied folder, last tried to come in beside the one that is connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub duplicate_at: Option<Time>,
    /// The boxes that served it before, the last one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disabled: Vec<DisabledNode>,
    /// Its program's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub version: Option<String>,
    /// Its day up to now.
    pub today: StoreToday,
}

/// A box that serves its store no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DisabledNode {
    /// The short form of its key.
    pub node: String,
    /// The number in its order numbers.
    pub issuer: u32,
    /// Since when.
    pub since: Time,
    /// Why it serves no more.
    pub why: EndedWord,
    /// The last fact the hub held of the store at that moment, as `epoch-number`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_fact: Option<String>,
}

/// A store's day up to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoreToday {
    /// Which day it is there: each store has its own cut-off.
    pub date: Date,
    /// Charges paid.
    pub orders: u64,
    /// Paid less given back, in fen.
    pub income_fen: i64,
}

/// `GET /stores`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoreRows {
    /// All stores.
    pub items: Vec<StoreRow>,
    /// When they were read.
    pub as_of: Time,
}
