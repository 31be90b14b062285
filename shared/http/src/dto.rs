//! What goes over the wire, and nothing else: every type of the JSON interface of node and hub.
//!
//! Core types have no serde; each conversion is written out and exhaustive, so that a new state or wallet breaks the build here
//! instead of reaching a client that cannot read it. Requests refuse unknown fields.

mod payment;
mod people;
mod state;
mod value;

pub use payment::{
    Approver, Bill, BillPart, BillQuery, BillRef, Can, CashierTally, Charge, DayQuery, Exception, ExceptionsQuery,
    Fields, GiveUp, HourTally, NewTotal, Payment, PaymentsQuery, Refund, Settle, Stats, StoreTally, Tally, Void,
    WalletTally,
};
pub use people::{
    Account, Accounts, EditAnnouncement, EditHubAnnouncement, HubAnnouncement, HubAnnouncements, LogIn, NameId,
    NewAccount, NewAnnouncement, NodeAnnouncement, NodeAnnouncements, Session, StoreReads, TillRef,
};
pub use state::{
    ClockWord, Devices, DisabledNode, Health, HealthStatus, HubLink, NoticeNews, PrinterState, ScanNews, ScannerState,
    StoreRow, StoreRows, StoreState, StoreToday, Sync,
};
pub use value::{Kind, Nothing, State, WalletDto};

pub use crate::time::{Date, Time};
