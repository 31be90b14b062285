//! The situations a run must meet, by name: a run that misses one has not tried it. They follow the list of faults we promise to
//! survive, and the kinds of money trouble found by running the product hard, as far as they can be played here.

use guitai_core::{desk::NotAccepted, payment::State, sync::frame::Verdict, trust::Bar};

use crate::plan::{Line, Wall};

macro_rules! situations {
    ($($(#[$doc:meta])* $name:ident = $words:literal,)+) => {
        /// A situation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Situation {
            $($(#[$doc])* #[doc = $words] $name,)+
        }

        impl Situation {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)+
                }
            }
        }
    };
}

situations! {
    // the acquirer and the line to it
    PaidAtOnce = "paid at once",
    PaidAfterPending = "paid after the customer acted",
    PaidAfterDoubt = "query finds a payment paid after a doubt",
    DeclinedAtOnce = "declined at once",
    DeclinedLater = "declined after the customer acted or after a doubt",
    CallNeverLeft = "a call never leaves",
    ClosedNotSent = "closed, since the charge never left",
    RequestLost = "a request gets lost",
    AnswerLost = "an answer gets lost, its deed done",
    AnswerTwice = "an answer comes a second time, minutes later",
    LineRefuses = "the acquirer's line refuses",
    LineMute = "the acquirer's line is mute",
    LineSlow = "the acquirer's line is slow",
    LineCutShort = "the acquirer's answers break off",
    AmountDiffers = "another amount than asked is paid: quarantined",
    Discounted = "the customer pays less than asked",
    NumberUsed = "the number was used by somebody else",
    // doubts and their ends
    ReversedUnpaid = "a doubt ends reversed or closed, unpaid",
    ReversedPaid = "money taken in a doubt is reversed",
    ReversalRefused = "a reversal is refused",
    ReversalWithDoubt = "a reversal is answered by nothing and asked again",
    LatePaid = "money comes after the end",
    LateGivenBack = "late money goes back",
    LateChecked = "a late check finds nothing",
    DoubtOverMidnight = "a doubt lasts over the acquirer's midnight",
    // people
    DoubleTap = "a double tap",
    SameKeyAgain = "the same key again",
    AskedAgainUnanswered = "nobody answered: asked again",
    Cancelled = "given up by the cashier",
    HandedOver = "goods handed over in a doubt",
    NotHandedOver = "goods kept in a doubt",
    CodeScannedTwice = "a code that went out is refused",
    BillLocked = "a bill that is locked is refused",
    BillCovered = "a bill that is covered is refused",
    TotalDiffers = "a bill with another total is refused",
    TotalChanged = "a bill comes to another total",
    VoidDone = "a void",
    VoidRefusedByAcquirer = "a void that the acquirer refuses",
    RefundedInPart = "a refund in part",
    RefundedWhole = "a refund of the whole",
    RefundRefused = "a refund that the acquirer refuses",
    RefundInProcess = "a refund that takes its time",
    SettledByManager = "a manager ends what only a person can end",
    WrongMoment = "a request that the payment's state forbids",
    // processes and disks
    KilledWhileOpen = "killed with payments open",
    KilledAtRest = "killed at rest",
    PowerCutWhileOpen = "power cut with payments open",
    PowerCutAtRest = "power cut at rest",
    CommitFailed = "a commit fails and the node ends",
    DiskFull = "the disk is full",
    DiskFailsToRead = "the disk fails to read",
    DiskFailsToWrite = "the disk fails to write",
    DiskFailsToSync = "the disk fails to sync",
    RestartedInReversal = "restarted while a reversal was under way",
    RestartedInRefund = "restarted while a refund was under way",
    // clocks
    ClockOf1970 = "a clock of 1970",
    ClockOf2000 = "a clock of 2000",
    ClockOf2038 = "a clock of 2038",
    ClockAhead = "a clock ahead by hours or days",
    ClockBehind = "a clock behind by hours or days",
    ClockFrozen = "a clock that stands",
    TimeAsked = "a start in doubt asks the acquirer for the time",
    DayCorrected = "a day stamped in doubt is corrected",
    SoldOverMidnight = "sales on two business days",
    // the hub, its line, its boxes
    Offline = "no line to the hub",
    LineCut = "the line to the hub is cut between two messages",
    HubTook = "the hub takes facts",
    HubKilled = "the hub is killed",
    HubPowerCut = "the hub's power is cut",
    HubEndedWhileConnected = "the hub ends with boxes connected",
    HubRestored = "the hub is put back to an older copy",
    FolderRestored = "a box is put back to an older copy of its folder",
    ForkFound = "a fork is found",
    FillTookBack = "a box has back what it lost",
    FillEnteredAgain = "what a fork's branch wrote is entered again",
    ForkUnfillable = "a fork that cannot heal: another box wrote on",
    HubLostTheBox = "a hub put back to before this box",
    GiveBackBarred = "giving back is refused while forked or replaced",
    FolderCopied = "two machines run on one folder",
    DuplicateRefused = "the second of two machines with one key is refused",
    BoxReplaced = "another box is let in for the store",
    ReplacedTold = "the box before it is told so",
    BoxReentered = "a box is let in anew",
    ReturnsRefused = "the acquirer refuses returns for a while",
}

/// How often each was met.
#[derive(Clone, Debug)]
pub struct Situations([u64; Situation::ALL.len()]);

impl Default for Situations {
    fn default() -> Self {
        Self([0; Situation::ALL.len()])
    }
}

impl Situations {
    /// It was met.
    pub fn mark(&mut self, situation: Situation) {
        if let Some(at) = Situation::ALL.iter().position(|one| *one == situation) {
            self.0[at] += 1;
        }
    }

    /// Adds what another world met.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    /// Each with how often it was met.
    pub fn each(&self) -> impl Iterator<Item = (Situation, u64)> + '_ {
        Situation::ALL.iter().copied().zip(self.0)
    }

    pub(crate) fn refused(&mut self, refusal: NotAccepted) {
        self.mark(match refusal {
            NotAccepted::CodeUsed => Situation::CodeScannedTwice,
            NotAccepted::BillCovered { .. } => Situation::BillCovered,
            NotAccepted::BillLocked { .. } => Situation::BillLocked,
            NotAccepted::TotalDiffers { .. } | NotAccepted::TotalTooLow { .. } => Situation::TotalDiffers,
            NotAccepted::Payment(_) => Situation::WrongMoment,
            NotAccepted::Barred(_) => Situation::GiveBackBarred,
            NotAccepted::IdempotencyConflict
            | NotAccepted::BillDayNeeded { .. }
            | NotAccepted::BillUnknown
            | NotAccepted::CashierUnknown
            | NotAccepted::AccountExists
            | NotAccepted::KeyExists
            | NotAccepted::LastAdministrator
            | NotAccepted::TooManyOpen
            | NotAccepted::NotFound => return,
        });
    }

    pub(crate) fn state(&mut self, state: State) {
        if state == State::Quarantined {
            self.mark(Situation::AmountDiffers);
        }
    }

    pub(crate) fn wall(&mut self, wall: Wall) {
        self.mark(match wall {
            Wall::Year(1970) => Situation::ClockOf1970,
            Wall::Year(2000) => Situation::ClockOf2000,
            Wall::Year(_) => Situation::ClockOf2038,
            Wall::Off(ms) if ms > 3_600_000 => Situation::ClockAhead,
            Wall::Off(ms) if ms < -3_600_000 => Situation::ClockBehind,
            Wall::Frozen => Situation::ClockFrozen,
            Wall::Off(_) | Wall::Right => return,
        });
    }

    pub(crate) fn line(&mut self, line: Line) {
        self.mark(match line {
            Line::Refuse => Situation::LineRefuses,
            Line::Mute => Situation::LineMute,
            Line::Slow => Situation::LineSlow,
            Line::Cut => Situation::LineCutShort,
        });
    }

    pub(crate) fn verdict(&mut self, verdict: Verdict) {
        self.mark(match verdict {
            Verdict::Duplicate => Situation::DuplicateRefused,
            Verdict::Replaced => Situation::ReplacedTold,
            Verdict::Ok
            | Verdict::Unknown
            | Verdict::Revoked
            | Verdict::WrongStore
            | Verdict::EnrolOnly
            | Verdict::Later => return,
        });
    }

    pub(crate) fn bar(&mut self, bar: Option<Bar>) {
        if bar == Some(Bar::Unfillable) {
            self.mark(Situation::ForkUnfillable);
        }
    }
}
