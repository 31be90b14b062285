//! What the engine can be asked, and what it answers.

use std::fmt;

use guitai_core::{
    acquirer::Terminal,
    bill::BillKey,
    clock::Witness,
    ids::{AccountId, OrderNo, TillId},
    money::Fen,
    payment::{Say, Settlement, State},
    people::{AccountSet, ApiKeyCreated, Approval, Idempotency},
    secret::PaymentCode,
    time::{Day, Ticks, UtcMs},
    trust::Bar,
};
use guitai_store::{Filled, ingest::Run};

pub use guitai_core::{acquirer::Answer, desk::NotAccepted};

/// One thing to do. Replies come after the commit that makes them true.
pub enum Command {
    /// Charge a customer.
    Charge(ChargeRequest, Reply),
    /// The cashier gives a payment up.
    Cancel(OrderNo, Say, Reply),
    /// 货已交.
    HandedOver(OrderNo, Say, Reply),
    /// 没交货.
    NotHandedOver(OrderNo, Say, Reply),
    /// Take a paid payment back whole.
    Void(ReturnRequest, Reply),
    /// Give a part or the rest back.
    Refund(ReturnRequest, Fen, Reply),
    /// A manager ends what only a person can end.
    Settle(SettleRequest, Reply),
    /// A bill comes to another sum.
    ChangeTotal(TotalRequest, Done),
    /// An acquirer call ended; with the acquirer's own time of the answer.
    Answered(OrderNo, Answer, Option<UtcMs>),
    /// Somebody said what time it is.
    TimeTold {
        /// What.
        said: UtcMs,
        /// Who.
        by: Witness,
        /// When they were asked, by the till's own ticks.
        asked: Ticks,
    },
    /// An account is made; refused if it is there.
    CreateAccount(AccountSet, Done),
    /// An account is made or changed, whole.
    SetAccount(AccountSet, Done),
    /// A program's key is made.
    CreateApiKey(ApiKeyCreated, Done),
    /// An account may log in no more, or again.
    Admit(Admit, Done),
    /// All keys of this name are good no more; by whom.
    RevokeApiKeys(String, Option<AccountId>, Done),
    /// What the roster or a fork forbids this till from now on; none: nothing.
    Bar(Option<Bar>),
    /// The hub has said how its copy of the journal compares, or will not soon.
    HubHeard,
    /// A number somebody saw in this journal: the next ones lie above it.
    NumberFloor(OrderNo),
    /// The journal takes back what the hub holds of it; then everything open is taken up anew.
    Fill(Vec<Run>, FillDone),
    /// Finish what is queued and end.
    Stop,
}

/// Called once with what became of a command about a payment.
pub type Reply = Box<dyn FnOnce(Result<Accepted, NotAccepted>) + Send>;

/// Called once when a fact is durable, or refused.
pub type Done = Box<dyn FnOnce(Result<(), NotAccepted>) + Send>;

/// Called once when what came back is durable, or with why nothing was changed.
pub type FillDone = Box<dyn FnOnce(Result<Filled, String>) + Send>;

/// A request taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The charge it is about.
    pub order_no: OrderNo,
    /// Its state now.
    pub state: State,
    /// The void or refund it began or had begun.
    pub return_no: Option<OrderNo>,
}

/// A sale to charge, checked for form but not yet against the shop's state.
#[derive(Debug)]
pub struct ChargeRequest {
    /// What to take.
    pub amount: Fen,
    /// The customer's code.
    pub code: PaymentCode,
    /// At which till.
    pub till: TillId,
    /// By whom.
    pub cashier: Cashier,
    /// The till's registered terminal.
    pub terminal: Terminal,
    /// What it pays.
    pub bill: Pays,
    /// A remark.
    pub remark: Option<String>,
    /// Who asks, with what key.
    pub idempotency: Idempotency,
}

/// By whom a sale is rung.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cashier {
    /// A person who is logged in.
    Present(AccountId),
    /// One that a program names: must be an account of the store.
    Named(AccountId),
    /// A program, under its own name.
    Program(AccountId),
}

impl Cashier {
    /// The account in facts.
    #[must_use]
    pub const fn account(&self) -> &AccountId {
        match self {
            Self::Present(account) | Self::Named(account) | Self::Program(account) => account,
        }
    }
}

/// What a sale pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pays {
    /// Itself: a bill of the counter's own.
    Itself,
    /// The bill of an earlier attempt.
    Again(BillKey),
    /// A bill of the shop's own system.
    Named(NamedBill),
}

/// A bill as a request names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedBill {
    /// Which system numbered it.
    pub source: String,
    /// Its number.
    pub number: String,
    /// What it comes to.
    pub total: Fen,
    /// The day, if the request says it.
    pub day: Option<Day>,
    /// Whether the source starts its numbers anew each day.
    pub daily: bool,
}

/// A void or refund a person asks for.
#[derive(Debug)]
pub struct ReturnRequest {
    /// The charge.
    pub order_no: OrderNo,
    /// At which till.
    pub till: TillId,
    /// By whom.
    pub cashier: AccountId,
    /// Who approves.
    pub approval: Approval,
    /// The reason given.
    pub reason: Option<String>,
}

/// A manager's word on what only a person can end.
#[derive(Debug)]
pub struct SettleRequest {
    /// The charge.
    pub order_no: OrderNo,
    /// How it ends.
    pub how: Settlement,
    /// Who asks and approves.
    pub approval: Approval,
    /// Why.
    pub note: Option<String>,
}

/// Another total for a bill.
#[derive(Debug)]
pub struct TotalRequest {
    /// Which bill.
    pub bill: BillKey,
    /// What it comes to.
    pub total: Fen,
    /// Who asks and approves.
    pub approval: Approval,
    /// Why.
    pub note: Option<String>,
}

/// Whether an account may log in from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admit {
    /// Which.
    pub account: AccountId,
    /// It may log in no more.
    pub disabled: bool,
    /// Who says so; none on the machine itself.
    pub by: Option<AccountId>,
}

impl Command {
    /// Whether somebody outside asks for it. The other commands are few by where they come from: an answer for each call under
    /// way, the words of one line to the hub.
    pub(crate) const fn is_request(&self) -> bool {
        match self {
            Self::Charge(..)
            | Self::Cancel(..)
            | Self::HandedOver(..)
            | Self::NotHandedOver(..)
            | Self::Void(..)
            | Self::Refund(..)
            | Self::Settle(..)
            | Self::ChangeTotal(..)
            | Self::CreateAccount(..)
            | Self::SetAccount(..)
            | Self::CreateApiKey(..)
            | Self::Admit(..)
            | Self::RevokeApiKeys(..) => true,
            Self::Answered(..)
            | Self::TimeTold { .. }
            | Self::Bar(_)
            | Self::HubHeard
            | Self::NumberFloor(_)
            | Self::Fill(..)
            | Self::Stop => false,
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Charge(request, _) => write!(f, "Charge({:?})", request.amount),
            Self::Cancel(no, say, _) => write!(f, "Cancel({no}, {})", say.by),
            Self::HandedOver(no, say, _) => write!(f, "HandedOver({no}, {})", say.by),
            Self::NotHandedOver(no, say, _) => write!(f, "NotHandedOver({no}, {})", say.by),
            Self::Void(request, _) => write!(f, "Void({})", request.order_no),
            Self::Refund(request, amount, _) => write!(f, "Refund({}, {amount})", request.order_no),
            Self::Settle(request, _) => write!(f, "Settle({}, {})", request.order_no, request.how.as_str()),
            Self::ChangeTotal(request, _) => write!(f, "ChangeTotal({:?}, {})", request.bill, request.total),
            Self::Answered(no, answer, _) => write!(f, "Answered({no}, {answer:?})"),
            Self::TimeTold { said, by, .. } => write!(f, "TimeTold({}, {by:?})", said.0),
            Self::CreateAccount(account, _) => write!(f, "CreateAccount({})", account.account),
            Self::SetAccount(account, _) => write!(f, "SetAccount({})", account.account),
            Self::CreateApiKey(key, _) => write!(f, "CreateApiKey({})", key.name),
            Self::Admit(admit, _) => write!(f, "Admit({}, disabled {})", admit.account, admit.disabled),
            Self::RevokeApiKeys(name, ..) => write!(f, "RevokeApiKeys({name})"),
            Self::Bar(bar) => write!(f, "Bar({bar:?})"),
            Self::HubHeard => f.write_str("HubHeard"),
            Self::NumberFloor(no) => write!(f, "NumberFloor({no})"),
            Self::Fill(runs, _) => write!(f, "Fill({} runs)", runs.len()),
            Self::Stop => f.write_str("Stop"),
        }
    }
}
