//! What must hold, whatever happens. Each invariant has a name, and a mutant that it catches.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use guitai_core::{
    acquirer::Call,
    ids::{FactNo, OrderNo},
    journal::chain::ChainHash,
};

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// The acquirer took the money of an order at most once.
    ChargedOnce,
    /// A bill is paid at most once: what is kept of its attempts is at most its total.
    BillPaidOnce,
    /// In the end every payment here is what the acquirer's book says of it, to the fen.
    BookAgrees,
    /// What is shown as paid was paid.
    PaidIsPaid,
    /// No more went back than was received.
    RefundWithinReceived,
    /// What a commit acknowledged is there after every start.
    AcknowledgedIsDurable,
    /// A journal's chain is whole at every start.
    ChainWhole,
    /// What the hub acknowledged is there after every start of the hub.
    HubKeepsWhatItAcknowledged,
    /// In the end the hub's copy is the node's journal.
    HubIsTheNode,
    /// In the end the rows of node and hub are the same.
    RowsAgree,
    /// Rows made anew from facts are the rows as they were written.
    RefoldIsLive,
    /// A day's figures are the sums of its rows.
    FiguresAdd,
    /// One key is one act, however often it is asked.
    KeyActsOnce,
    /// A number goes out for one order only, with one amount.
    NumberIsOneOrder,
    /// What is open is waited for.
    OpenIsWaitedFor,
    /// Mended, everything comes to its end by itself.
    AllSettles,
    /// A charge lies on the business day on which it left.
    DaysAreTrue,
    /// A box sees money that came late at the first look after it, and looks when it must.
    LateMoneyIsSeen,
    /// No payment code lies on a disk.
    CodesAreNotKept,
    /// What comes over a whole wire can be read.
    WireIsReadable,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::ChargedOnce,
        Self::BillPaidOnce,
        Self::BookAgrees,
        Self::PaidIsPaid,
        Self::RefundWithinReceived,
        Self::AcknowledgedIsDurable,
        Self::ChainWhole,
        Self::HubKeepsWhatItAcknowledged,
        Self::HubIsTheNode,
        Self::RowsAgree,
        Self::RefoldIsLive,
        Self::FiguresAdd,
        Self::KeyActsOnce,
        Self::NumberIsOneOrder,
        Self::OpenIsWaitedFor,
        Self::AllSettles,
        Self::DaysAreTrue,
        Self::LateMoneyIsSeen,
        Self::CodesAreNotKept,
        Self::WireIsReadable,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChargedOnce => "charged once",
            Self::BillPaidOnce => "bill paid once",
            Self::BookAgrees => "book agrees",
            Self::PaidIsPaid => "paid is paid",
            Self::RefundWithinReceived => "refund within received",
            Self::AcknowledgedIsDurable => "acknowledged is durable",
            Self::ChainWhole => "chain whole",
            Self::HubKeepsWhatItAcknowledged => "hub keeps what it acknowledged",
            Self::HubIsTheNode => "hub is the node",
            Self::RowsAgree => "rows agree",
            Self::RefoldIsLive => "refold is live",
            Self::FiguresAdd => "figures add",
            Self::KeyActsOnce => "key acts once",
            Self::NumberIsOneOrder => "number is one order",
            Self::OpenIsWaitedFor => "open is waited for",
            Self::AllSettles => "all settles",
            Self::DaysAreTrue => "days are true",
            Self::LateMoneyIsSeen => "late money is seen",
            Self::CodesAreNotKept => "codes are not kept",
            Self::WireIsReadable => "wire is readable",
        }
    }

    /// It did not hold.
    #[must_use]
    pub const fn violated(self, how: String) -> Violation {
        Violation { invariant: self, how }
    }
}

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// How.
    pub how: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant.name(), self.how)
    }
}

/// What a number was of: amounts and kinds; and the boxes that sent it.
#[derive(Debug, Default)]
struct Number {
    uses: BTreeSet<(u64, &'static str)>,
    senders: BTreeSet<usize>,
}

/// What the oracle remembers of what it saw.
#[derive(Debug, Default)]
pub struct Oracle {
    /// By box: the last fact that was acknowledged, with the chain's value there.
    acknowledged: BTreeMap<usize, (FactNo, ChainHash)>,
    /// By box: the last fact that the hub acknowledged.
    delivered: BTreeMap<usize, FactNo>,
    /// Boxes that were put back or copied: what was answered before may not be known.
    forgetful: BTreeSet<usize>,
    /// Payments that a person was asked to end: their word stands for the acquirer's.
    settled: BTreeSet<OrderNo>,
    /// Boxes that lost facts nobody else has.
    lost: BTreeSet<usize>,
    /// By box and deed: what was answered. Another box of the store does not know what the one before was asked.
    answers: BTreeMap<(usize, usize), (OrderNo, Option<OrderNo>)>,
    /// Numbers that went out.
    numbers: BTreeMap<OrderNo, Number>,
    /// By charge: the boxes that asked for its money, or to give it back.
    movers: BTreeMap<OrderNo, BTreeSet<usize>>,
    /// By charge: the box where it ended without money, and when, in ms of the world.
    ended: BTreeMap<OrderNo, (usize, u64)>,
    /// When a charge first left, in ms of the world.
    left: BTreeMap<OrderNo, u64>,
}

impl Oracle {
    /// A commit returned.
    pub fn acknowledge(&mut self, counter: usize, no: FactNo, head: ChainHash) {
        self.acknowledged.insert(counter, (no, head));
    }

    /// The last fact that a box acknowledged.
    #[must_use]
    pub fn acknowledged(&self, counter: usize) -> Option<(FactNo, ChainHash)> {
        self.acknowledged.get(&counter).copied()
    }

    /// The hub acknowledged.
    pub fn delivered(&mut self, counter: usize, upto: FactNo) {
        self.delivered.insert(counter, upto);
    }

    /// What the hub acknowledged of each box.
    #[must_use]
    pub const fn deliveries(&self) -> &BTreeMap<usize, FactNo> {
        &self.delivered
    }

    /// A box was put back to an older copy. What it had not delivered is gone for good, and with it what it did for money.
    pub fn forgets(&mut self, counter: usize) {
        let known = self.acknowledged.get(&counter).map(|(no, _)| *no);
        if known.is_some() && self.delivered.get(&counter).copied() < known {
            self.lost.insert(counter);
        }
        self.acknowledged.remove(&counter);
        self.delivered.remove(&counter);
        self.forgetful.insert(counter);
    }

    /// Whether a box lost facts that nobody else has.
    #[must_use]
    pub fn has_lost(&self, counter: usize) -> bool {
        self.lost.contains(&counter)
    }

    /// The hub was.
    pub fn hub_forgets(&mut self) {
        self.delivered.clear();
    }

    /// A person was answered under a key.
    ///
    /// # Errors
    /// It was another payment before.
    pub fn answered(
        &mut self,
        (counter, deed): (usize, usize),
        order_no: OrderNo,
        return_no: Option<OrderNo>,
    ) -> Result<(), Violation> {
        let before = self.answers.insert((counter, deed), (order_no, return_no));
        match before {
            Some((no, back))
                if !self.forgetful.contains(&counter) && (no != order_no || (back.is_some() && back != return_no)) =>
            {
                let how = format!("deed {deed} was {no} {back:?}, now it is {order_no} {return_no:?}");
                Err(Invariant::KeyActsOnce.violated(how))
            }
            _ => Ok(()),
        }
    }

    /// A box sent a number.
    pub fn sent(&mut self, counter: usize, number: OrderNo, (amount, kind): (u64, &'static str)) {
        let number = self.numbers.entry(number).or_default();
        number.uses.insert((amount, kind));
        number.senders.insert(counter);
    }

    /// The boxes that asked for a charge's money, or to give it back.
    pub fn movers(&self, order_no: OrderNo) -> impl Iterator<Item = usize> {
        self.movers.get(&order_no).into_iter().flatten().copied()
    }

    /// When a charge first left, in ms of the world.
    #[must_use]
    pub fn left(&self, order_no: OrderNo) -> Option<u64> {
        self.left.get(&order_no).copied()
    }

    /// A box says that a charge ended without money, or that it has some.
    pub fn ends(&mut self, counter: usize, order_no: OrderNo, now_ms: u64) {
        self.ended.entry(order_no).or_insert((counter, now_ms));
    }

    /// When a charge ended without money, if it has none since, in ms of the world.
    #[must_use]
    pub fn ended(&self, order_no: OrderNo) -> Option<u64> {
        self.ended.get(&order_no).map(|(_, at_ms)| *at_ms)
    }

    /// A charge that had ended has money after all: where and when it had ended.
    pub fn has_money(&mut self, order_no: OrderNo) -> Option<(usize, u64)> {
        self.ended.remove(&order_no)
    }

    /// A person was asked to end a payment.
    pub fn settles(&mut self, order_no: OrderNo) {
        self.settled.insert(order_no);
    }

    /// Whether a person was asked to end it.
    #[must_use]
    pub fn is_settled(&self, order_no: OrderNo) -> bool {
        self.settled.contains(&order_no)
    }

    /// A call left a till.
    pub fn called(&mut self, counter: usize, order_no: OrderNo, call: &Call, now_ms: u64) {
        let (number, amount, kind) = match call {
            Call::Charge(charge) => (order_no, charge.amount.get(), "charge"),
            Call::Reverse(back) => (back.return_no, back.amount.get(), "reversal"),
            Call::Refund(back) => (back.return_no, back.amount.get(), "refund"),
            Call::Close { .. } => {
                self.movers.entry(order_no).or_default().insert(counter);
                return;
            }
            Call::Query(_) | Call::QueryReversal(_) | Call::QueryRefund(_) => return,
        };
        self.left.entry(order_no).or_insert(now_ms);
        self.movers.entry(order_no).or_default().insert(counter);
        self.sent(counter, number, (amount, kind));
    }

    /// A number that went out for two things, where the boxes that sent it are such that it must not.
    #[must_use]
    pub fn number_of_two(&self, must_not: impl Fn(&BTreeSet<usize>) -> bool) -> Option<String> {
        let mut two = self.numbers.iter().filter(|(_, number)| number.uses.len() > 1 && must_not(&number.senders));
        let (number, Number { uses, senders }) = two.next()?;
        Some(format!("{number} went out for {uses:?} from {senders:?}"))
    }
}
