//! The engine without its thread: commands in, facts into the journal's open transaction; outputs only from the commit.

use std::collections::{BTreeMap, BTreeSet};

use guitai_core::{
    acquirer::{Call, Expected, Timings},
    ids::{AccountId, FactNo, Issuer, Numbering, OrderNo, TillId},
    journal::{
        Committed,
        fact::{Bill, Fact, Idempotency, Place},
    },
    limits,
    money::Fen,
    payment::{BillView, COUNTER_BILLS, Effect, Held, Input, Order, Payment, ReturnOrder, Say, State, Step},
    time::{BusinessClock, Now, Ticks, UtcMs},
};
use guitai_store::{Journal, StoreError, ingest::Run, query};

use crate::command::{Accepted, Answer, ChargeRequest, Command, Done, FillDone, Refusal, Reply, ReturnRequest};

/// Payments a reversal ended are watched for late money this long after a start, in ms: the last check is after an hour.
const RECENT_MS: i64 = 2 * 3600 * 1000;

/// What a till is made of.
#[derive(Debug)]
pub struct Setup {
    /// The store's journal.
    pub journal: Journal,
    /// Whose numbers it draws.
    pub issuer: Issuer,
    /// The acquirer's name in facts.
    pub acquirer: String,
    /// The acquirer's pace.
    pub timings: Timings,
    /// The store's days and hours.
    pub clock: BusinessClock,
    /// The key under which payment codes are hashed.
    pub code_key: [u8; 32],
    /// What a customer's bill shows.
    pub subject: String,
}

/// What leaves the engine after a commit.
#[derive(Debug)]
pub enum Output {
    /// Ask the acquirer, and answer with [`Command::Answered`].
    Call {
        /// What to ask.
        call: Call,
        /// What a paid answer must match.
        expected: Expected,
    },
    /// A payment changed, by this fact.
    Show(Accepted, FactNo),
    /// Print the receipt of this row.
    PrintReceipt(OrderNo),
    /// Facts up to here are durable.
    Committed(FactNo),
}

/// The engine.
pub struct Engine {
    setup: Setup,
    numbers: Numbering,
    open: BTreeMap<OrderNo, Payment>,
    waits: BTreeSet<(Ticks, OrderNo)>,
    /// Effects of steps taken, each with the last fact of its step.
    held: Vec<(Held, FactNo)>,
    after: Vec<Box<dyn FnOnce() + Send>>,
    /// What the journal takes back once nothing waits for a commit.
    fills: Vec<(Now, Vec<Run>, FillDone)>,
    /// Facts of the open transaction, logged when nobody waits for the engine any more.
    unlogged: Vec<(FactNo, &'static str, OrderNo, State)>,
    sealed: FactNo,
}

impl Engine {
    /// Takes the till up where the journal leaves it: open payments go on, charges under way turn into doubts.
    ///
    /// # Errors
    /// What the journal says.
    pub fn resume(setup: Setup, now: Now) -> Result<Self, StoreError> {
        let numbers = Numbering::resume(setup.issuer, setup.journal.last_issued()?);
        let sealed = setup.journal.last();
        let mut engine = Self {
            setup,
            numbers,
            open: BTreeMap::new(),
            waits: BTreeSet::new(),
            held: Vec::new(),
            after: Vec::new(),
            fills: Vec::new(),
            unlogged: Vec::new(),
            sealed,
        };
        engine.take_up(now)?;
        Ok(engine)
    }

    /// Recalls what the journal leaves open.
    fn take_up(&mut self, now: Now) -> Result<(), StoreError> {
        for order_no in self.setup.journal.unfinished(UtcMs(now.wall.0 - RECENT_MS))? {
            if let Some(mut payment) = self.recall(order_no)? {
                let step = payment.resume(now);
                self.put(payment, step)?;
            }
        }
        Ok(())
    }

    /// Payments not at rest.
    #[must_use]
    pub fn open_payments(&self) -> usize {
        self.open.len()
    }

    /// When [`Self::due`] has work.
    #[must_use]
    pub fn next_wake(&self) -> Option<Ticks> {
        self.waits.first().map(|(wake, _)| *wake)
    }

    /// Wakes every payment whose wait is over.
    ///
    /// # Errors
    /// What the journal says; the process must then end.
    pub fn due(&mut self, now: Now) -> Result<(), StoreError> {
        while let Some((wake, order_no)) = self.waits.first().copied() {
            if wake > now.up {
                break;
            }
            self.waits.remove(&(wake, order_no));
            self.step(now, order_no, Input::Due)?;
        }
        Ok(())
    }

    /// Takes one command into the open transaction.
    ///
    /// # Errors
    /// What the journal says; the process must then end.
    pub fn handle(&mut self, now: Now, command: Command) -> Result<(), StoreError> {
        match command {
            Command::Charge(request, reply) => self.charge(now, request, reply),
            Command::Cancel(no, say, reply) => self.say(now, no, say, Input::Cancel, reply),
            Command::HandedOver(no, say, reply) => self.say(now, no, say, Input::HandedOver, reply),
            Command::NotHandedOver(no, say, reply) => self.say(now, no, say, Input::NotHandedOver, reply),
            Command::Void(request, reply) => self.void(now, request, reply),
            Command::Refund(request, amount, reply) => self.refund(now, request, amount, reply),
            Command::Answered(no, answer) => self.answered(now, no, answer),
            Command::SetAccount(account, done) => self.record(&Fact::AccountSet(account), done),
            Command::CreateApiKey(key, done) => self.record(&Fact::ApiKeyCreated(key), done),
            Command::Fill(runs, done) => {
                self.fills.push((now, runs, done));
                Ok(())
            }
            Command::Stop => Ok(()),
        }
    }

    /// Makes everything handled so far durable and lets out what waited for it.
    ///
    /// # Errors
    /// What the journal says; the process must then end.
    pub fn commit(&mut self, mut output: impl FnMut(Output)) -> Result<(), StoreError> {
        self.commit_facts(&mut output)?;
        if self.fills.is_empty() {
            return Ok(());
        }
        for (now, runs, done) in std::mem::take(&mut self.fills) {
            self.fill(now, &runs, done)?;
        }
        self.commit_facts(&mut output)
    }

    /// What is open was decided on a history that changes: it is read again, and what is under way ends by asking.
    fn fill(&mut self, now: Now, runs: &[Run], done: FillDone) -> Result<(), StoreError> {
        let answer = match self.setup.journal.fill(runs, self.setup.issuer, now.wall) {
            Ok(filled) => {
                self.open.clear();
                self.waits.clear();
                self.numbers = Numbering::resume(self.setup.issuer, self.setup.journal.last_issued()?);
                self.take_up(now)?;
                Ok(filled)
            }
            Err(StoreError::Corrupt(why)) => Err(why),
            Err(error) => return Err(error),
        };
        self.after.push(Box::new(move || done(answer)));
        Ok(())
    }

    fn commit_facts(&mut self, output: &mut impl FnMut(Output)) -> Result<(), StoreError> {
        let committed = self.setup.journal.commit()?;
        let last = self.setup.journal.last();
        self.after.drain(..).for_each(|reply| reply());
        for (held, fact) in std::mem::take(&mut self.held) {
            self.release(held, committed, fact, output);
        }
        if last != self.sealed {
            self.sealed = last;
            output(Output::Committed(last));
        }
        self.open.retain(|_, payment| !payment.is_at_rest());
        for (fact, kind, order_no, state) in self.unlogged.drain(..) {
            tracing::info!(%fact, kind, order.no = %order_no, state = state.as_str());
        }
        Ok(())
    }

    fn release(&self, held: Held, committed: Committed, fact: FactNo, output: &mut impl FnMut(Output)) {
        for effect in held.release(committed) {
            match effect {
                Effect::Call { order_no, call } => {
                    if let Some(payment) = self.open.get(&order_no) {
                        let intent = payment.intent();
                        let (amount, intended_at) = (intent.amount, intent.at);
                        output(Output::Call { call, expected: Expected { order_no, amount, intended_at } });
                    }
                }
                Effect::Show(order_no) => {
                    if let Some(payment) = self.open.get(&order_no) {
                        output(Output::Show(Accepted { order_no, state: payment.state() }, fact));
                    }
                }
                Effect::PrintReceipt(no) => output(Output::PrintReceipt(no)),
            }
        }
    }

    fn charge(&mut self, now: Now, request: ChargeRequest, reply: Reply) -> Result<(), StoreError> {
        if let Some(earlier) = self.earlier(&request.idempotency)? {
            return self.reply(reply, earlier);
        }
        let connection = self.setup.journal.connection();
        if self.open.len() >= limits::OPEN_PAYMENTS_MAX {
            return self.reply(reply, Err(Refusal::TooManyOpen));
        }
        let trace = request.code.trace(&self.setup.code_key);
        if query::code_was_used(connection, trace.hash)? {
            return self.reply(reply, Err(Refusal::CodeUsed));
        }
        let place = self.place(now, request.till, request.cashier);
        if let Some(bill) = &request.bill {
            let held = query::bill_held(connection, &bill.source, &bill.number, place.business_day, None)?;
            let free = bill.total.checked_sub(held).unwrap_or(Fen::ZERO);
            if request.amount > free {
                return self.reply(reply, Err(Refusal::BillCovered { free }));
            }
        }
        let order = Order {
            amount: request.amount,
            code: request.code,
            code_key: self.setup.code_key,
            acquirer: self.setup.acquirer.clone(),
            terminal: request.terminal,
            subject: self.setup.subject.clone(),
            place,
            bill: request.bill,
            remark: request.remark,
            idempotency: request.idempotency,
        };
        let (payment, step) = Payment::open(now, order, self.setup.timings, &mut self.numbers);
        let accepted = Accepted { order_no: payment.order_no(), state: payment.state() };
        self.put(payment, step)?;
        self.reply(reply, Ok(accepted))
    }

    fn void(&mut self, now: Now, request: ReturnRequest, reply: Reply) -> Result<(), StoreError> {
        if let Some(earlier) = self.earlier(&request.approval.idempotency)? {
            return self.reply(reply, earlier);
        }
        let place = self.place(now, request.till, request.cashier);
        self.act(now, request.order_no, Input::Void { approval: request.approval, place }, reply)
    }

    fn refund(&mut self, now: Now, request: ReturnRequest, amount: Fen, reply: Reply) -> Result<(), StoreError> {
        if let Some(earlier) = self.earlier(&request.approval.idempotency)? {
            return self.reply(reply, earlier);
        }
        let place = self.place(now, request.till, request.cashier);
        let order = ReturnOrder { amount, place, approval: Some(request.approval), reason: request.reason };
        self.act(now, request.order_no, Input::Refund(order), reply)
    }

    fn answered(&mut self, now: Now, order_no: OrderNo, answer: Answer) -> Result<(), StoreError> {
        let input = match answer {
            Answer::Charge(answer) => Input::ChargeAnswered(answer),
            Answer::Query(answer) => Input::QueryAnswered(answer, self.bill_view(order_no)?),
            Answer::Reversal(answer) => Input::ReversalAnswered(answer),
            Answer::ReversalQuery(answer) => Input::ReversalQueried(answer),
            Answer::Refund(answer) => Input::RefundAnswered(answer),
            Answer::RefundQuery(answer) => Input::RefundQueried(answer),
        };
        self.step(now, order_no, input)
    }

    /// Whether money that comes late still finds its bill open. A bill of the counter's own is one sale: it was dropped, or
    /// charged again, when its till charged anything after the attempt had ended.
    fn bill_view(&self, order_no: OrderNo) -> Result<BillView, StoreError> {
        let Some(payment) = self.open.get(&order_no) else { return Ok(BillView::Open) };
        let ended = match payment.state() {
            State::Closed | State::Reversed => true,
            State::Reversing => false,
            State::Pending
            | State::Paid
            | State::Declined
            | State::Unknown
            | State::Held
            | State::Refunding
            | State::PartRefunded
            | State::Refunded
            | State::Quarantined => return Ok(BillView::Open),
        };
        let intent = payment.intent();
        let Bill { source, number, total } = &intent.bill;
        let connection = self.setup.journal.connection();
        if ended && source == COUNTER_BILLS && query::till_went_on(connection, order_no, intent.place.till.as_str())? {
            return Ok(BillView::SettledOtherwise);
        }
        let day = intent.place.business_day;
        let held = query::bill_held(connection, source, number, day, Some(order_no))?;
        let room = total.checked_sub(held).unwrap_or(Fen::ZERO);
        Ok(if intent.amount <= room { BillView::Open } else { BillView::SettledOtherwise })
    }

    fn say(
        &mut self,
        now: Now,
        order_no: OrderNo,
        say: Say,
        input: fn(Say) -> Input,
        reply: Reply,
    ) -> Result<(), StoreError> {
        match self.earlier(&say.idempotency)? {
            Some(earlier) => self.reply(reply, earlier),
            None => self.act(now, order_no, input(say), reply),
        }
    }

    /// A person's request on a payment, which may have left memory long ago.
    fn act(&mut self, now: Now, order_no: OrderNo, input: Input, reply: Reply) -> Result<(), StoreError> {
        let payment = match self.open.remove(&order_no) {
            Some(payment) => Some(payment),
            None => self.recall(order_no)?,
        };
        let Some(mut payment) = payment else { return self.reply(reply, Err(Refusal::NotFound)) };
        self.unwait(&payment);
        let step = payment.step(now, input, &mut self.numbers);
        let refused = step.refused();
        let accepted = Accepted { order_no, state: payment.state() };
        self.put(payment, step)?;
        self.reply(reply, refused.map_or(Ok(accepted), |why| Err(Refusal::Payment(why))))
    }

    fn step(&mut self, now: Now, order_no: OrderNo, input: Input) -> Result<(), StoreError> {
        let Some(mut payment) = self.open.remove(&order_no) else { return Ok(()) };
        self.unwait(&payment);
        let step = payment.step(now, input, &mut self.numbers);
        self.put(payment, step)
    }

    fn put(&mut self, payment: Payment, step: Step) -> Result<(), StoreError> {
        let (facts, held) = step.split();
        for fact in &facts {
            let no = self.setup.journal.append(fact)?;
            self.unlogged.push((no, fact.name(), payment.order_no(), payment.state()));
        }
        self.held.push((held, self.setup.journal.last()));
        if let Some(wake) = payment.wake() {
            self.waits.insert((wake, payment.order_no()));
        }
        self.open.insert(payment.order_no(), payment);
        Ok(())
    }

    fn unwait(&mut self, payment: &Payment) {
        if let Some(wake) = payment.wake() {
            self.waits.remove(&(wake, payment.order_no()));
        }
    }

    fn recall(&self, order_no: OrderNo) -> Result<Option<Payment>, StoreError> {
        let facts = self.setup.journal.facts_of(order_no)?;
        Ok(Payment::replay(&facts, self.setup.timings))
    }

    /// What the same request did before; the unique index on (caller, key) stands behind this.
    fn earlier(&self, request: &Idempotency) -> Result<Option<Result<Accepted, Refusal>>, StoreError> {
        let journal = &self.setup.journal;
        let found = query::earlier_request(journal.connection(), journal.id(), &request.caller, &request.key)?;
        let Some(found) = found else { return Ok(None) };
        if found.body_hash != request.body_hash {
            return Ok(Some(Err(Refusal::IdempotencyConflict)));
        }
        let order_no = found.order_no;
        let row = query::payment(journal.connection(), order_no.as_str())?;
        let state = row.map(|row| row.state).ok_or_else(|| StoreError::Corrupt("an earlier request".into()))?;
        Ok(Some(Ok(Accepted { order_no, state })))
    }

    fn place(&self, now: Now, till: TillId, cashier: AccountId) -> Place {
        let clock = &self.setup.clock;
        Place { business_day: clock.day(now.wall), hour: clock.hour(now.wall), till, cashier }
    }

    fn record(&mut self, fact: &Fact, done: Done) -> Result<(), StoreError> {
        self.setup.journal.append(fact)?;
        self.after.push(done);
        Ok(())
    }

    /// Replies leave after the commit, before the effects, so that a caller knows its number before it hears of its payment.
    fn reply(&mut self, reply: Reply, answer: Result<Accepted, Refusal>) -> Result<(), StoreError> {
        self.after.push(Box::new(move || reply(answer)));
        Ok(())
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("open", &self.open.len()).field("sealed", &self.sealed).finish_non_exhaustive()
    }
}
