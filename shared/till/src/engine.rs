//! The engine without its thread: commands in, facts into the journal's open transaction; outputs only from the commit.
//!
//! It decides nothing: core's desk says whether a request passes, core's payment what follows. It finds what they must know,
//! keeps the waits, and writes.

mod doors;
mod fill;

use std::collections::{BTreeMap, BTreeSet};

use guitai_core::{
    acquirer::{Answer, Call, Kind, QueryAnswer},
    bill::{Bill, COUNTER_BILLS, Late},
    clock::Correction,
    ids::{FactNo, Issuer, Numbering, OrderNo},
    journal::fact::Fact,
    money::Fen,
    payment::{Effect, Held, Input, Payment, Standing, State, Step},
    people::{AccountSet, ApiKeyCreated},
    time::{BusinessClock, Now, Ticks},
    trust::Bar,
};
use guitai_store::{Journal, StoreError, bills, ingest::Run};

use crate::command::{Accepted, Command, FillDone, NotAccepted, Reply};

/// What would give money back is looked at again after this, in ms, while this box is barred.
const BARRED_RETRY_MS: u64 = 60_000;

/// The same before the hub's first word, which comes within seconds.
const UNHEARD_RETRY_MS: u64 = 1_000;

/// Payments that a start finds open go on one after the other, so many ms apart: all [`limits::OPEN_PAYMENTS_MAX`] within four
/// minutes.
///
/// [`limits::OPEN_PAYMENTS_MAX`]: guitai_core::limits::OPEN_PAYMENTS_MAX
const RESUMED_EVERY_MS: u64 = 50;

/// What a till is made of.
#[derive(Debug)]
pub struct Setup {
    /// The store's journal.
    pub journal: Journal,
    /// Whose numbers it draws.
    pub issuer: Issuer,
    /// The acquirer, whose terms the payments follow.
    pub acquirer: Kind,
    /// The store's days and hours.
    pub clock: BusinessClock,
    /// The key under which payment codes are hashed.
    pub code_key: [u8; 32],
    /// What a customer's bill shows.
    pub subject: String,
    /// What the wall clock was off by when it was last measured, in ms.
    pub last_offset_ms: Option<i64>,
    /// What the roster or a fork forbade in the life before: nothing goes back before it is lifted.
    pub bar: Option<Bar>,
    /// Whether nothing goes back by itself before [`Command::HubHeard`]: an older copy of the folder does not know what it gave
    /// back.
    pub awaits_hub: bool,
}

/// What leaves the engine after a commit.
#[derive(Debug)]
pub enum Output {
    /// Ask the acquirer, and answer with [`Command::Answered`].
    Call(Call),
    /// Facts are durable: whatever follows from them reads them in the journal.
    Committed {
        /// Up to here.
        last: FactNo,
        /// How the payments stand that they are about. Told here, since somebody at the counter waits for the answer.
        changed: Vec<Accepted>,
    },
}

/// The engine.
pub struct Engine {
    setup: Setup,
    numbers: Numbering,
    bar: Option<Bar>,
    awaits_hub: bool,
    /// Whether facts made now bear a time that no witness vouched for.
    clock_doubted: bool,
    /// Whether somebody vouched for the time in this life.
    time_known: bool,
    open: BTreeMap<OrderNo, Payment>,
    waits: BTreeSet<(Ticks, OrderNo)>,
    /// Effects of steps taken.
    held: Vec<Held>,
    after: Vec<Box<dyn FnOnce() + Send>>,
    /// What the journal takes back once nothing waits for a commit.
    fills: Vec<(Now, Vec<Run>, FillDone)>,
    /// Facts of the open transaction, logged when nobody waits for the engine any more.
    unlogged: Vec<(FactNo, &'static str, OrderNo, State)>,
    sealed: FactNo,
}

impl Engine {
    /// Takes the till up where the journal leaves it: open payments go on, charges under way turn into doubts. `now.wall` is
    /// trusted time, here and everywhere in the engine.
    ///
    /// # Errors
    /// What the journal says.
    pub fn resume(setup: Setup, now: Now) -> Result<Self, StoreError> {
        let numbers = Numbering::resume(setup.issuer, setup.journal.last_issued()?);
        let (sealed, bar, awaits_hub) = (setup.journal.last(), setup.bar, setup.awaits_hub);
        let mut engine = Self {
            setup,
            numbers,
            bar,
            awaits_hub,
            clock_doubted: false,
            time_known: false,
            open: BTreeMap::new(),
            waits: BTreeSet::new(),
            held: Vec::new(),
            after: Vec::new(),
            fills: Vec::new(),
            unlogged: Vec::new(),
            sealed,
        };
        engine.take_up(now)?;
        if bar == Some(Bar::Forked) {
            // A heal may have ended with the process before this was looked at.
            engine.give_back_what_came_second(now)?;
        }
        Ok(engine)
    }

    /// Recalls what the journal leaves open. What would ask the acquirer at once asks one after the other.
    fn take_up(&mut self, now: Now) -> Result<(), StoreError> {
        let mut later_ms = 0;
        for order_no in bills::unfinished(self.setup.journal.connection(), self.setup.journal.store().as_str())? {
            if let Some(mut payment) = self.recall(order_no)? {
                let step = payment.resume(now);
                if payment.wake().is_some_and(|wake| wake <= now.up) {
                    payment.put_off(now, later_ms);
                    later_ms += RESUMED_EVERY_MS;
                }
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

    /// Whether the time of facts made from now on is in doubt. What waits by time waits anew once somebody vouches for it.
    pub fn clock_stands(&mut self, now: Now, doubted: bool) {
        self.clock_doubted = doubted;
        let known = now.truth().is_some();
        if known && !std::mem::replace(&mut self.time_known, known) {
            self.waits.clear();
            for (order_no, payment) in &mut self.open {
                payment.time_is_known(now);
                self.waits.extend(payment.wake().map(|wake| (wake, *order_no)));
            }
        }
    }

    /// Whether facts wait for their commit, or will be made in it.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.setup.journal.last() != self.sealed || !self.fills.is_empty()
    }

    /// Facts stamped in doubt turned out to be off: their days are put right by facts.
    ///
    /// # Errors
    /// What the journal says; the process must then end.
    pub fn correct_days(&mut self, now: Now, correction: Correction) -> Result<(), StoreError> {
        let store = self.setup.journal.store().as_str();
        let doubted = bills::charges_since(self.setup.journal.connection(), store, correction.since)?;
        for order_no in doubted {
            let payment = match self.open.remove(&order_no) {
                Some(payment) => Some(payment),
                None => self.recall(order_no)?,
            };
            let Some(mut payment) = payment else { continue };
            self.unwait(&payment);
            let at = payment.standing().intent().at;
            let intended_at = guitai_core::time::UtcMs(at.0.saturating_add(correction.by_ms));
            let (business_day, hour) = (self.setup.clock.day(intended_at), self.setup.clock.hour(intended_at));
            let input = Input::CorrectDay { intended_at, business_day, hour };
            let step = payment.step(now, input, &mut self.numbers);
            self.put(payment, step)?;
        }
        Ok(())
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
            if !self.put_off(now, order_no) {
                self.step(now, order_no, Input::Due)?;
            }
        }
        Ok(())
    }

    /// When to look again at what would give money back; none if it may go back now.
    const fn nothing_goes_back_for_ms(&self) -> Option<u64> {
        match (self.bar, self.awaits_hub) {
            (Some(_), _) => Some(BARRED_RETRY_MS),
            (None, true) => Some(UNHEARD_RETRY_MS),
            (None, false) => None,
        }
    }

    /// While this box is barred, or does not know what it gave back before, nothing goes back by itself: what is owed, and what
    /// is only asked about because late money would go back, waits. A doubt is still asked about and reversed.
    fn put_off(&mut self, now: Now, order_no: OrderNo) -> bool {
        let Some(retry_ms) = self.nothing_goes_back_for_ms() else { return false };
        let Some(payment) = self.open.get_mut(&order_no) else { return false };
        match payment.state() {
            State::Paid | State::PartRefunded | State::Closed | State::Reversed => {}
            State::Pending
            | State::Unknown
            | State::Held
            | State::Reversing
            | State::Refunding
            | State::Declined
            | State::Refunded
            | State::Quarantined => return false,
        }
        payment.put_off(now, retry_ms);
        self.waits.extend(payment.wake().map(|wake| (wake, order_no)));
        true
    }

    /// A paid answer that would send the money back at once is, while nothing goes back, none: it is asked again.
    fn believed(&self, order_no: OrderNo, answer: QueryAnswer) -> QueryAnswer {
        let standing = self.open.get(&order_no).map(Payment::standing);
        let gives_back = standing.is_some_and(|standing| {
            matches!(standing.state(), State::Closed | State::Reversed | State::Reversing) || standing.gives_back()
        });
        match answer {
            QueryAnswer::Paid(_) if gives_back && self.nothing_goes_back_for_ms().is_some() => QueryAnswer::Unknown {
                detail: "nothing goes back yet: this till is barred, or has not heard the hub".into(),
            },
            answer => answer,
        }
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
            Command::Settle(request, reply) => self.settle(now, request, reply),
            Command::ChangeTotal(request, done) => self.change_total(now, request, done),
            Command::Answered(no, answer, date) => self.answered(now, no, answer, date),
            Command::CreateAccount(account, done) => self.create_account(AccountSet { at: now.wall, ..account }, done),
            Command::SetAccount(account, done) => self.set_account(AccountSet { at: now.wall, ..account }, done),
            Command::CreateApiKey(key, done) => self.create_key(ApiKeyCreated { at: now.wall, ..key }, done),
            Command::Admit(admit, done) => self.admit(now, &admit, done),
            Command::RevokeApiKeys(name, by, done) => self.revoke_keys(now, &name, by.as_ref(), done),
            Command::Bar(bar) => {
                self.bar = bar;
                Ok(())
            }
            Command::HubHeard => {
                self.awaits_hub = false;
                Ok(())
            }
            Command::NumberFloor(no) => {
                self.numbers.at_least(no);
                Ok(())
            }
            Command::Fill(runs, done) => {
                self.fills.push((now, runs, done));
                Ok(())
            }
            // The runner's clock has heard it.
            Command::TimeTold { .. } | Command::Stop => Ok(()),
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

    fn commit_facts(&mut self, output: &mut impl FnMut(Output)) -> Result<(), StoreError> {
        let committed = self.setup.journal.commit()?;
        let last = self.setup.journal.last();
        self.after.drain(..).for_each(|reply| reply());
        if last != self.sealed {
            self.sealed = last;
            output(Output::Committed { last, changed: self.changed() });
        }
        for held in std::mem::take(&mut self.held) {
            for Effect::Call(call) in held.release(committed) {
                output(Output::Call(call));
            }
        }
        self.open.retain(|_, payment| !payment.is_at_rest());
        for (fact, kind, order_no, state) in self.unlogged.drain(..) {
            tracing::info!(%fact, kind, order.no = %order_no, state = state.as_str());
        }
        Ok(())
    }

    /// Payments about which facts were written since the last commit.
    fn changed(&self) -> Vec<Accepted> {
        let changed: BTreeSet<OrderNo> = self.unlogged.iter().map(|(_, _, order_no, _)| *order_no).collect();
        changed.iter().filter_map(|order_no| self.open.get(order_no)).map(accepted).collect()
    }

    fn answered(
        &mut self,
        now: Now,
        order_no: OrderNo,
        answer: Answer,
        date: Option<guitai_core::time::UtcMs>,
    ) -> Result<(), StoreError> {
        let (answer, late) = match answer {
            Answer::Query(answer) => (Answer::Query(self.believed(order_no, answer)), self.late(order_no)?),
            // These find no late money.
            Answer::Charge(_)
            | Answer::Reversal(_)
            | Answer::ReversalQuery(_)
            | Answer::Refund(_)
            | Answer::RefundQuery(_) => (answer, Late::SettledOtherwise),
        };
        self.step(now, order_no, Input::Answered { answer, date, late })
    }

    /// Whether money that comes late still finds its bill open. A bill of the counter's own is one sale, and nobody closes it: its
    /// till went on when it drew a later number.
    fn late(&self, order_no: OrderNo) -> Result<Late, StoreError> {
        let Some(payment) = self.open.get(&order_no) else { return Ok(Late::SettledOtherwise) };
        let intent = payment.standing().intent();
        let (connection, store) = (self.setup.journal.connection(), self.setup.journal.store().as_str());
        if payment.standing().bill().source == COUNTER_BILLS {
            let newest = bills::newest_of_till(connection, store, &intent.place.till)?;
            if newest.is_some_and(|newest| newest.as_str() > order_no.as_str()) {
                return Ok(Late::SettledOtherwise);
            }
        }
        match payment.state() {
            // It has its own lock: only what is paid stands in its way.
            State::Pending | State::Unknown | State::Held => {
                let second = self.came_second(payment.standing(), intent.amount, &[])?;
                Ok(if second { Late::SettledOtherwise } else { Late::Fits })
            }
            State::Paid
            | State::Declined
            | State::Reversing
            | State::Closed
            | State::Reversed
            | State::Refunding
            | State::PartRefunded
            | State::Refunded
            | State::Quarantined => self.fits(payment.standing()),
        }
    }

    /// Whether a payment's sum fits its bill beside what others cover or lock.
    fn fits(&self, standing: &Standing) -> Result<Late, StoreError> {
        let intent = standing.intent();
        Ok(self.bill(standing)?.map_or(Late::SettledOtherwise, |bill| bill.late(intent.order_no, intent.amount)))
    }

    fn came_second(&self, standing: &Standing, sum: Fen, later: &[OrderNo]) -> Result<bool, StoreError> {
        let bill = self.bill(standing)?;
        Ok(sum > Fen::ZERO && bill.is_some_and(|bill| bill.came_second(standing.intent().order_no, sum, later)))
    }

    fn bill(&self, standing: &Standing) -> Result<Option<Bill>, StoreError> {
        bills::bill(self.setup.journal.connection(), self.setup.journal.store().as_str(), &standing.bill())
    }

    /// A person's request on a payment, which may have left memory long ago.
    fn act(&mut self, now: Now, order_no: OrderNo, input: Input, reply: Reply) -> Result<(), StoreError> {
        let payment = match self.open.remove(&order_no) {
            Some(payment) => Some(payment),
            None => self.recall(order_no)?,
        };
        let Some(mut payment) = payment else { return self.reply(reply, Err(NotAccepted::NotFound)) };
        self.unwait(&payment);
        let step = payment.step(now, input, &mut self.numbers);
        let refused = step.refused();
        let accepted = accepted(&payment);
        self.put(payment, step)?;
        self.reply(reply, refused.map_or(Ok(accepted), |why| Err(NotAccepted::Payment(why))))
    }

    fn step(&mut self, now: Now, order_no: OrderNo, input: Input) -> Result<(), StoreError> {
        let Some(mut payment) = self.open.remove(&order_no) else { return Ok(()) };
        self.unwait(&payment);
        let step = payment.step(now, input, &mut self.numbers);
        self.put(payment, step)
    }

    fn put(&mut self, payment: Payment, step: Step) -> Result<(), StoreError> {
        let (facts, held) = step.split();
        for fact in facts {
            let name = fact.name();
            let no = self.setup.journal.append(&Fact::Payment(fact))?;
            self.unlogged.push((no, name, payment.order_no(), payment.state()));
        }
        self.held.push(held);
        self.hold(payment);
        Ok(())
    }

    /// Keeps a payment in memory until it is at rest.
    fn hold(&mut self, payment: Payment) {
        self.waits.extend(payment.wake().map(|wake| (wake, payment.order_no())));
        self.open.insert(payment.order_no(), payment);
    }

    fn unwait(&mut self, payment: &Payment) {
        if let Some(wake) = payment.wake() {
            self.waits.remove(&(wake, payment.order_no()));
        }
    }

    fn recall(&self, order_no: OrderNo) -> Result<Option<Payment>, StoreError> {
        let facts = self.setup.journal.facts_of(order_no)?;
        Ok(Payment::replay(&facts, self.setup.acquirer.terms()))
    }

    /// Replies leave after the commit, before the effects, so that a caller knows its number before it hears of its payment.
    fn reply(&mut self, reply: Reply, answer: Result<Accepted, NotAccepted>) -> Result<(), StoreError> {
        self.after.push(Box::new(move || reply(answer)));
        Ok(())
    }
}

fn accepted(payment: &Payment) -> Accepted {
    let standing = payment.standing();
    let refund_no = standing.refund().map(|refund| refund.no);
    let return_no = refund_no.or_else(|| standing.reversal().and_then(|reversal| reversal.void_no));
    Accepted { order_no: payment.order_no(), state: payment.state(), return_no }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("open", &self.open.len()).field("sealed", &self.sealed).finish_non_exhaustive()
    }
}
