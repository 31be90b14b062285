//! Requests on their way in: what the desk must know of the shop's state is found here, and it says what follows.

use guitai_core::{
    bill::{self, BillKey, choose_day},
    desk::{self, Known, NotAccepted},
    ids::{AccountId, OrderNo, TillId},
    journal::fact::Fact,
    limits,
    money::Fen,
    payment::{Input, Order, Payment, Place, ReturnOrder, Say, Settlement},
    people::{AccountSet, ApiKeyCreated, Idempotency},
    time::Now,
};
use guitai_store::{StoreError, bills, query, request};

use super::{Engine, accepted};
use crate::{
    command::{
        Accepted, Admit, Cashier, ChargeRequest, Done, NamedBill, Pays, Reply, ReturnRequest, SettleRequest,
        TotalRequest,
    },
    people,
};

/// What a charge pays, as far as is known.
struct Paying {
    key: Option<BillKey>,
    bill: Option<bill::Bill>,
    total: Option<Fen>,
    /// The bill is named for the first time.
    opens: Option<bill::Opened>,
}

impl Engine {
    pub(super) fn charge(&mut self, now: Now, request: ChargeRequest, reply: Reply) -> Result<(), StoreError> {
        if let Some(earlier) = self.earlier(&request.idempotency)? {
            return self.reply(reply, earlier);
        }
        let place = self.place(now, request.till, request.cashier.account().clone());
        let paying = match self.paying(now, request.bill, &place)? {
            Ok(paying) => paying,
            Err(refusal) => return self.reply(reply, Err(refusal)),
        };
        let trace = request.code.trace(&self.setup.code_key);
        let known = Known {
            bar: self.bar,
            full: self.is_full(),
            cashier: self.is_cashier(&request.cashier)?,
            code_used: bills::code_was_used(self.setup.journal.connection(), trace.hash, &place.till)?,
            bill: paying.bill.as_ref(),
            total: paying.total,
        };
        if let Err(refusal) = desk::admit(request.amount, &known) {
            return self.reply(reply, Err(refusal));
        }
        if let Some(opens) = paying.opens {
            self.setup.journal.append(&opens.into())?;
        }
        let order = Order {
            amount: request.amount,
            code: request.code,
            code_key: self.setup.code_key,
            acquirer: self.setup.acquirer,
            terminal: request.terminal,
            subject: self.setup.subject.clone(),
            place,
            bill: paying.key,
            remark: request.remark,
            idempotency: request.idempotency,
            clock_doubted: self.clock_doubted,
        };
        let (payment, step) = Payment::open(now, order, self.setup.acquirer.terms(), &mut self.numbers);
        let taken = accepted(&payment);
        self.put(payment, step)?;
        self.reply(reply, Ok(taken))
    }

    fn paying(&self, now: Now, pays: Pays, place: &Place) -> Result<Result<Paying, NotAccepted>, StoreError> {
        let (connection, store) = (self.setup.journal.connection(), self.setup.journal.store().as_str());
        let named = match pays {
            Pays::Itself => return Ok(Ok(Paying { key: None, bill: None, total: None, opens: None })),
            Pays::Again(key) => {
                let bill = bills::bill(connection, store, &key)?;
                return Ok(match bill {
                    Some(bill) => Ok(Paying { key: Some(key), bill: Some(bill), total: None, opens: None }),
                    None => Err(NotAccepted::BillUnknown),
                });
            }
            Pays::Named(named) => named,
        };
        let total = named.total;
        let key = match self.key_of(named, place)? {
            Ok(key) => key,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let bill = bills::bill(connection, store, &key)?;
        let business_day = place.business_day;
        let opens = bill.is_none().then(|| bill::Opened { bill: key.clone(), total, business_day, at: now.wall });
        Ok(Ok(Paying { key: Some(key), bill, total: Some(total), opens }))
    }

    /// The day belongs to the name of a bill whose source starts its numbers anew each day.
    fn key_of(&self, named: NamedBill, place: &Place) -> Result<Result<BillKey, NotAccepted>, StoreError> {
        let NamedBill { source, number, total, day, daily } = named;
        if !daily {
            return Ok(Ok(BillKey { source, number, day: None }));
        }
        if day.is_some() {
            return Ok(Ok(BillKey { source, number, day }));
        }
        let (connection, store) = (self.setup.journal.connection(), self.setup.journal.store().as_str());
        let today = place.business_day;
        let of = |day| BillKey { source: source.clone(), number: number.clone(), day: Some(day) };
        let todays = bills::bill(connection, store, &of(today))?;
        let last_day = bills::trading_day_before(connection, store, today)?;
        let before = bills::bill_day_before(connection, store, (&source, &number), today)?
            .filter(|day| last_day.is_none_or(|last| *day >= last));
        let before = match before {
            Some(day) => bills::bill(connection, store, &of(day))?.map(|bill| (day, bill)),
            None => None,
        };
        let chosen = choose_day(today, todays.as_ref(), before.as_ref().map(|(day, bill)| (*day, bill)), total);
        Ok(match chosen {
            Ok(day) => Ok(of(day)),
            Err(needed) => Err(NotAccepted::BillDayNeeded { before: needed.before, today: needed.today }),
        })
    }

    fn is_full(&self) -> bool {
        // Payments only watched for late money do not count.
        self.open.len() >= limits::OPEN_PAYMENTS_MAX
            && self.open.values().filter(|payment| !payment.state().is_final()).count() >= limits::OPEN_PAYMENTS_MAX
    }

    fn is_cashier(&self, cashier: &Cashier) -> Result<bool, StoreError> {
        match cashier {
            Cashier::Present(_) | Cashier::Program(_) => Ok(true),
            Cashier::Named(account) => {
                let journal = &self.setup.journal;
                let row = query::account(journal.connection(), journal.store().as_str(), account.as_str())?;
                Ok(row.is_some_and(|row| !row.disabled))
            }
        }
    }

    pub(super) fn void(&mut self, now: Now, request: ReturnRequest, reply: Reply) -> Result<(), StoreError> {
        if let Some(earlier) = self.earlier(&request.approval.idempotency)? {
            return self.reply(reply, earlier);
        }
        if let Err(refusal) = desk::may_give_back(self.bar) {
            return self.reply(reply, Err(refusal));
        }
        let place = self.place(now, request.till, request.cashier);
        self.act(now, request.order_no, Input::Void { approval: request.approval, place }, reply)
    }

    pub(super) fn refund(
        &mut self,
        now: Now,
        request: ReturnRequest,
        amount: Fen,
        reply: Reply,
    ) -> Result<(), StoreError> {
        if let Some(earlier) = self.earlier(&request.approval.idempotency)? {
            return self.reply(reply, earlier);
        }
        if let Err(refusal) = desk::may_give_back(self.bar) {
            return self.reply(reply, Err(refusal));
        }
        let place = self.place(now, request.till, request.cashier);
        let order = ReturnOrder { amount, place, approval: Some(request.approval), reason: request.reason };
        self.act(now, request.order_no, Input::Refund(order), reply)
    }

    pub(super) fn settle(&mut self, now: Now, request: SettleRequest, reply: Reply) -> Result<(), StoreError> {
        if let Some(earlier) = self.earlier(&request.approval.idempotency)? {
            return self.reply(reply, earlier);
        }
        let SettleRequest { order_no, how, approval, note } = request;
        if how == Settlement::GiveBack
            && let Err(refusal) = desk::may_give_back(self.bar)
        {
            return self.reply(reply, Err(refusal));
        }
        let late = match self.open.get(&order_no) {
            Some(payment) => self.fits(payment.standing())?,
            None => match self.recall(order_no)? {
                Some(payment) => self.fits(payment.standing())?,
                None => return self.reply(reply, Err(NotAccepted::NotFound)),
            },
        };
        self.act(now, order_no, Input::Settle { how, approval, note, late }, reply)
    }

    pub(super) fn say(
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

    /// The total is a fact; changing it is an act of its own, and never below what is covered or locked.
    pub(super) fn change_total(&mut self, now: Now, request: TotalRequest, done: Done) -> Result<(), StoreError> {
        let TotalRequest { bill: key, total, approval, note } = request;
        if let Some(found) = self.asked_before(&approval.idempotency)? {
            let same = found.body_hash == approval.idempotency.body_hash;
            return self.done(done, if same { Ok(()) } else { Err(NotAccepted::IdempotencyConflict) });
        }
        if key.source == bill::COUNTER_BILLS {
            // One sale of the counter's own comes to what it is.
            return self.done(done, Err(NotAccepted::BillUnknown));
        }
        let journal = &self.setup.journal;
        let Some(bill) = bills::bill(journal.connection(), journal.store().as_str(), &key)? else {
            return self.done(done, Err(NotAccepted::BillUnknown));
        };
        if !bill.may_total(total) {
            let held = bill.covered().checked_add(bill.locked()).unwrap_or(bill.total());
            return self.done(done, Err(NotAccepted::TotalTooLow { held }));
        }
        let note = note.map(guitai_core::journal::text::Text::new);
        self.record(&bill::TotalChanged { bill: key, total, approval, note, at: now.wall }.into(), done)
    }

    /// Two people who make one account at the same moment: the second is told.
    pub(super) fn create_account(&mut self, account: AccountSet, done: Done) -> Result<(), StoreError> {
        let journal = &self.setup.journal;
        let there = query::account(journal.connection(), journal.store().as_str(), account.account.as_str())?;
        if there.is_some() {
            return self.done(done, Err(NotAccepted::AccountExists));
        }
        self.record(&account.into(), done)
    }

    pub(super) fn set_account(&mut self, account: AccountSet, done: Done) -> Result<(), StoreError> {
        if let Err(refusal) = people::may_be_set(&self.setup.journal, &account)? {
            return self.done(done, Err(refusal));
        }
        self.record(&account.into(), done)
    }

    pub(super) fn create_key(&mut self, key: ApiKeyCreated, done: Done) -> Result<(), StoreError> {
        if let Err(refusal) = people::may_be_made(&self.setup.journal, &key)? {
            return self.done(done, Err(refusal));
        }
        self.record(&key.into(), done)
    }

    pub(super) fn admit(&mut self, now: Now, admit: &Admit, done: Done) -> Result<(), StoreError> {
        let facts = people::admitted(&self.setup.journal, admit, now.wall)?;
        self.record_all(facts, done)
    }

    pub(super) fn revoke_keys(
        &mut self,
        now: Now,
        name: &str,
        by: Option<&AccountId>,
        done: Done,
    ) -> Result<(), StoreError> {
        let facts = people::revoked(&self.setup.journal, name, by, now.wall)?;
        self.record_all(facts, done)
    }

    fn record_all(&mut self, facts: Result<Vec<Fact>, NotAccepted>, done: Done) -> Result<(), StoreError> {
        let answer = match facts {
            Ok(facts) => facts.iter().try_for_each(|fact| self.setup.journal.append(fact).map(drop)).map(Ok)?,
            Err(refusal) => Err(refusal),
        };
        self.done(done, answer)
    }

    fn asked_before(&self, request: &Idempotency) -> Result<Option<request::EarlierRequest>, StoreError> {
        let journal = &self.setup.journal;
        request::earlier(journal.connection(), journal.id(), &request.caller, &request.key)
    }

    /// What the same request did before; the unique index on (caller, key) stands behind this.
    fn earlier(&self, request: &Idempotency) -> Result<Option<Result<Accepted, NotAccepted>>, StoreError> {
        let Some(found) = self.asked_before(request)? else { return Ok(None) };
        let order_no = match found.order_no {
            Some(order_no) if found.body_hash == request.body_hash => order_no,
            Some(_) | None => return Ok(Some(Err(NotAccepted::IdempotencyConflict))),
        };
        let payment = match self.open.get(&order_no) {
            Some(payment) => Some(payment.clone()),
            None => self.recall(order_no)?,
        };
        let payment = payment.ok_or_else(|| StoreError::Corrupt("an earlier request".into()))?;
        let mut facts = self.setup.journal.facts_of(order_no)?.into_iter();
        let caused = facts.find(|fact| fact.idempotency() == Some(request));
        Ok(Some(Ok(Accepted { return_no: caused.and_then(|fact| fact.return_no()), ..accepted(&payment) })))
    }

    fn place(&self, now: Now, till: TillId, cashier: AccountId) -> Place {
        let clock = &self.setup.clock;
        let at = now.likeliest();
        Place { business_day: clock.day(at), hour: clock.hour(at), till, cashier }
    }

    pub(super) fn record(&mut self, fact: &Fact, done: Done) -> Result<(), StoreError> {
        self.setup.journal.append(fact)?;
        self.done(done, Ok(()))
    }

    fn done(&mut self, done: Done, answer: Result<(), NotAccepted>) -> Result<(), StoreError> {
        self.after.push(Box::new(move || done(answer)));
        Ok(())
    }
}
