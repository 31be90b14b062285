//! What goes over the wire, and nothing else: every type of the JSON interface of node and hub.
//!
//! Core types have no serde; each conversion is written out and exhaustive, so that a new state or wallet breaks the build here
//! instead of reaching a client that cannot read it. Requests refuse unknown fields.

mod figures;
mod news;
mod payment;
mod people;
mod state;
mod value;

pub use figures::{CashierTally, DayQuery, HourTally, HubStats, Stats, StoreTally, Tally, WalletTally, net_fen};
pub use news::{HubEvents, NodeEvents, NotACode, NoticeNews, Resync, ScanNews};
pub use payment::{
    Approver, Bill, BillPart, BillQuery, BillRef, Can, Charge, Exception, ExceptionKind, ExceptionState,
    ExceptionsQuery, Fields, GiveUp, NewTotal, Payment, PaymentsQuery, Refund, Settle, Void,
};
pub use people::{
    Account, Accounts, ApiKeyLine, ApiKeys, ChangeAccount, EditAnnouncement, EditHubAnnouncement, HubAnnouncement,
    HubAnnouncements, LogIn, NameId, NewAccount, NewAnnouncement, NodeAnnouncement, NodeAnnouncements, Session,
    StoreReads, TillRef,
};
pub use state::{
    BarWord, ClockWord, Devices, DisabledNode, EndedWord, Health, HealthStatus, HubLink, PrinterState, ScannerState,
    StoreRow, StoreRows, StoreState, StoreToday, Sync,
};
pub use value::{Kind, Nothing, State, WalletDto};

pub use crate::time::{Date, Time};
