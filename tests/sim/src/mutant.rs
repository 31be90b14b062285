//! Worlds that are wrong on purpose: each shows that an invariant can fail.

use crate::oracle::Invariant;

macro_rules! mutants {
    ($($(#[doc = $doc:literal])* $name:ident => [$($invariant:ident),+],)+) => {
        /// What is done wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Mutant {
            $($(#[doc = $doc])* $name,)+
        }

        impl Mutant {
            /// All of them, each with the invariants that may catch it.
            pub const ALL: &'static [(Self, &'static [Invariant])] =
                &[$((Self::$name, &[$(Invariant::$invariant),+]),)+];
        }
    };
}

mutants! {
    /// The acquirer takes the money of an order each time it is asked to.
    TakesTwice => [ChargedOnce],
    /// A till that hears nothing of a charge sends another, under a number that nobody writes down.
    ChargesAgain => [BookAgrees],
    /// The acquirer says that a refund is done, and keeps the money.
    KeepsRefunds => [BookAgrees, BillPaidOnce],
    /// A bill that is paid is forgotten: each sale of it is a sale of its own, and the oracle knows the bill.
    ForgetsBills => [BillPaidOnce],
    /// People are told that a charge is paid when it leaves.
    PaidBeforeAnswered => [PaidIsPaid],
    /// The acquirer gives back more than it took.
    GivesTooMuch => [RefundWithinReceived],
    /// A power cut takes with it what was synced.
    LosesSynced => [AcknowledgedIsDurable, ChainWhole],
    /// A byte of a fact changes while the box is off.
    ChangesAFact => [ChainWhole],
    /// A seal bears the signature of another while the box is off.
    MovesASignature => [ChainWhole],
    /// The hub acknowledges what it does not keep.
    AcknowledgesFirst => [HubIsTheNode, HubKeepsWhatItAcknowledged],
    /// A hub that is killed loses what it acknowledged.
    HubLosesFacts => [HubKeepsWhatItAcknowledged, HubIsTheNode],
    /// The hub's rows are not what its facts say.
    ChangesARow => [RowsAgree],
    /// A box's rows are not what its facts say.
    ForgetsToFold => [RefoldIsLive],
    /// A day's figures leave a sale out.
    ForgetsAFigure => [FiguresAdd],
    /// The same request under the same key is a new one.
    ForgetsKeys => [KeyActsOnce],
    /// A number goes out for a second order.
    NumbersTwice => [NumberIsOneOrder],
    /// What is open is waited for by nobody.
    WaitsForNothing => [OpenIsWaitedFor],
    /// No wait ends.
    NobodyWakes => [AllSettles],
    /// A till hears nothing of what has ended for two hours.
    LooksAway => [LateMoneyIsSeen],
    /// Acquirer and hub agree on a time that is forty days off.
    TellsAWrongTime => [DaysAreTrue],
    /// A payment code is written down.
    KeepsCodes => [CodesAreNotKept],
    /// The line changes bytes and nobody checks.
    GarblesTheWire => [WireIsReadable],
}
