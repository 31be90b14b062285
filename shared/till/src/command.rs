//! What the engine can be asked, and what it answers.

use std::fmt;

use guitai_core::{
    acquirer::{ChargeAnswer, QueryAnswer, RefundAnswer, ReversalAnswer, Terminal},
    ids::{AccountId, OrderNo, TillId},
    journal::fact::{AccountSet, ApiKeyCreated, Approval, Bill, Idempotency},
    money::Fen,
    payment::{Refused, Say, State},
    secret::PaymentCode,
};
use guitai_store::{Filled, ingest::Run};

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
    /// An acquirer call ended.
    Answered(OrderNo, Answer),
    /// An account is made or changed.
    SetAccount(AccountSet, Done),
    /// A program's key is made.
    CreateApiKey(ApiKeyCreated, Done),
    /// The journal takes back what the hub holds of it; then everything open is taken up anew.
    Fill(Vec<Run>, FillDone),
    /// Finish what is queued and end.
    Stop,
}

/// Called once with what became of a command about a payment.
pub type Reply = Box<dyn FnOnce(Result<Accepted, Refusal>) + Send>;

/// Called once when a fact is durable.
pub type Done = Box<dyn FnOnce() + Send>;

/// Called once when what came back is durable, or with why it is not this journal's own: then nothing was changed.
pub type FillDone = Box<dyn FnOnce(Result<Filled, String>) + Send>;

/// A request taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The charge it is about.
    pub order_no: OrderNo,
    /// Its state now.
    pub state: State,
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
    pub cashier: AccountId,
    /// The till's registered terminal.
    pub terminal: Terminal,
    /// What it pays, if the shop's system named a bill.
    pub bill: Option<Bill>,
    /// A remark.
    pub remark: Option<String>,
    /// Who asks, with what key.
    pub idempotency: Idempotency,
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

/// Why a request was not taken in. Nothing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The key was used with another request.
    IdempotencyConflict,
    /// This payment code was charged before; it is good for one call.
    CodeUsed,
    /// The bill has only so much left that is neither covered nor locked.
    BillCovered {
        /// What is left.
        free: Fen,
    },
    /// Too many payments are open.
    TooManyOpen,
    /// No payment has this number.
    NotFound,
    /// The payment's state forbids it.
    Payment(Refused),
}

/// How an acquirer call ended.
#[derive(Debug)]
pub enum Answer {
    /// The charge.
    Charge(ChargeAnswer),
    /// A query of the charge.
    Query(QueryAnswer),
    /// The reversal.
    Reversal(ReversalAnswer),
    /// A query of the reversal.
    ReversalQuery(ReversalAnswer),
    /// The refund.
    Refund(RefundAnswer),
    /// A query of the refund.
    RefundQuery(RefundAnswer),
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
            Self::Answered(no, answer) => write!(f, "Answered({no}, {answer:?})"),
            Self::SetAccount(account, _) => write!(f, "SetAccount({})", account.account),
            Self::CreateApiKey(key, _) => write!(f, "CreateApiKey({})", key.name),
            Self::Fill(runs, _) => write!(f, "Fill({} runs)", runs.len()),
            Self::Stop => f.write_str("Stop"),
        }
    }
}
