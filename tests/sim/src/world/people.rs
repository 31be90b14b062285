//! What people want, and what they are told.

use guitai_core::{
    acquirer::Terminal,
    desk::NotAccepted,
    ids::{AccountId, OrderNo, TillId},
    money::Fen,
    payment::{LATE_CHECKS_MS, Say, Settlement, State},
    people::{AccountSet, Approval, Idempotency, Role},
    secret::PaymentCode,
    sync::member::Wish,
    text::Text,
    time::UtcMs,
};
use guitai_store::{Filled, query};
use guitai_till::{
    Accepted, Cashier, ChargeRequest, Command, NamedBill, Pays, Reply, ReturnRequest, SettleRequest, TotalRequest,
};

use super::{Event, World};
use crate::{
    chance::Chance,
    mutant::Mutant,
    oracle::{Invariant, Violation},
    plan::{self, Ending, What},
    situation::Situation,
};

/// Somebody who heard nothing asks again after this, in ms, at the earliest.
const PATIENCE_MS: u64 = 7_000;

/// What a look for late money takes at most on a whole line, with one that was not answered before it, in ms.
const LOOK_TAKES_MS: u64 = 2 * plan::MINUTE_MS;

/// So often.
const TRIES: u8 = 4;

/// What came of what a person asked.
pub(crate) struct Intent {
    /// The store where it was asked.
    pub(crate) store: usize,
    /// The payment it is about, once that is known.
    pub(crate) order_no: Option<OrderNo>,
    /// The void or refund it began.
    pub(crate) return_no: Option<OrderNo>,
    /// Whether anybody answered.
    pub(crate) answered: bool,
    /// The customer's code, which stays with the customer.
    code: Option<String>,
}

impl Intent {
    /// The customer's code.
    pub(crate) fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }
}

/// What a turn tells the world.
pub(crate) enum Post {
    /// An answer to a person.
    Reply { deed: usize, counter: usize, result: Result<Accepted, NotAccepted> },
    /// An answer without a payment.
    Done { deed: usize, result: Result<(), NotAccepted> },
    /// A journal has back what it lost, or has not.
    Filled { counter: usize, connection: u64, result: Result<Filled, String> },
}

impl World {
    /// A person asks for what a deed says.
    pub(super) fn intend(&mut self, deed: usize) -> Result<(), Violation> {
        let Some(store) = self.store_of(deed) else { return Ok(()) };
        self.asked += 1;
        let code = self.code_of(deed);
        self.intents[deed] = Some(Intent { store, order_no: None, return_no: None, answered: false, code });
        if self.mutant == Some(Mutant::KeepsCodes)
            && let Some(code) = self.intents[deed].as_ref().and_then(|intent| intent.code.clone())
        {
            self.account(store, 7, &code)?;
        }
        let double = matches!(&self.plan.deeds[deed].what, What::Charge(charge) if charge.double);
        self.schedule(self.now_ms() + PATIENCE_MS, Event::Patience { deed, tries: 1 });
        self.ask(deed)?;
        if double {
            self.mark(Situation::DoubleTap);
            self.ask(deed)?;
        }
        Ok(())
    }

    pub(super) fn patience(&mut self, deed: usize, tries: u8) -> Result<(), Violation> {
        let Some(intent) = &self.intents[deed] else { return Ok(()) };
        if intent.answered || tries >= TRIES {
            return Ok(());
        }
        let wait_ms = self.chance(("patience", deed, tries)).between(PATIENCE_MS, 6 * PATIENCE_MS);
        self.schedule(self.now_ms() + wait_ms, Event::Patience { deed, tries: tries + 1 });
        self.mark(Situation::AskedAgainUnanswered);
        self.ask(deed)
    }

    /// Sends a request to the store's box; what it is asked about twice has one key.
    fn ask(&mut self, deed: usize) -> Result<(), Violation> {
        let Some(store) = self.intents[deed].as_ref().map(|intent| intent.store) else { return Ok(()) };
        let counter = self.in_force[store];
        if self.counters[counter].life.is_none() {
            return Ok(());
        }
        let Some((gives_back, command)) = self.command(deed, counter) else { return Ok(()) };
        if let Command::Settle(request, _) = &command {
            self.oracle.settles(request.order_no);
        }
        let name = self.counters[counter].name.clone();
        self.tell(format_args!("{name} is asked, deed {deed}: {command:?}"));
        let now_ms = self.now_ms();
        let Some(life) = &mut self.counters[counter].life else { return Ok(()) };
        let wish = if gives_back { Wish::GiveBack } else { Wish::Other };
        if let Some(by_ms) = life.door(now_ms, wish) {
            life.held.push((by_ms, wish, command));
            return self.turn(counter, Vec::new());
        }
        self.turn(counter, vec![command])
    }

    /// The command of a deed, and whether it gives money back; none: there is nothing yet to ask about.
    fn command(&self, deed: usize, counter: usize) -> Option<(bool, Command)> {
        let reply = |me: &Self| -> Reply {
            let to = me.posts.0.clone();
            Box::new(move |result| {
                // The world outlives its posts.
                let _ = to.send(Post::Reply { deed, counter, result });
            })
        };
        let what = &self.plan.deeds[deed].what;
        let of = |of: &usize| self.intents.get(*of)?.as_ref()?.order_no;
        let say = |approver: bool| {
            let approver = if approver { AccountId::parse("01").ok() } else { None };
            Say { by: "person:02".into(), idempotency: self.key(deed), approver }
        };
        let approval =
            || Approval { by: "person:02".into(), approver: AccountId::parse("01").ok(), idempotency: self.key(deed) };
        let returning = |order_no| {
            Some(ReturnRequest {
                order_no,
                till: TillId::parse("T1").ok()?,
                cashier: AccountId::parse("02").ok()?,
                approval: approval(),
                reason: None,
            })
        };
        Some(match what {
            What::Charge(charge) => {
                let pays = self.pays(&charge.pays);
                (false, Command::Charge(self.charge(deed, charge, pays)?, reply(self)))
            }
            What::Again(earlier) => match &self.plan.deeds.get(*earlier)?.what {
                // The very same request: key, body and code of the earlier one.
                What::Charge(charge) => {
                    let mut request = self.charge(*earlier, charge, self.pays(&charge.pays))?;
                    if self.mutant == Some(Mutant::ForgetsKeys) {
                        request.idempotency = self.key(deed);
                        let digits = self.chance(("forgotten", deed)).digits(16);
                        request.code = PaymentCode::parse(&format!("13{digits}")).ok()?;
                    }
                    (false, Command::Charge(request, reply(self)))
                }
                _ => return None,
            },
            What::Rescan(earlier) => match &self.plan.deeds.get(*earlier)?.what {
                What::Charge(charge) => (false, Command::Charge(self.charge(deed, charge, Pays::Itself)?, reply(self))),
                _ => return None,
            },
            What::Retry(earlier) => match &self.plan.deeds.get(*earlier)?.what {
                What::Charge(charge) => {
                    let no = of(earlier)?;
                    let life = self.counters[counter].life.as_ref()?;
                    let row = query::payment(&life.reader, no.as_str()).ok()??;
                    let bill = row.bill?.key;
                    (false, Command::Charge(self.charge(deed, charge, Pays::Again(bill))?, reply(self)))
                }
                _ => return None,
            },
            What::Cancel(earlier) => (false, Command::Cancel(of(earlier)?, say(false), reply(self))),
            What::HandedOver(earlier) => (false, Command::HandedOver(of(earlier)?, say(false), reply(self))),
            What::NotHandedOver(earlier, lets_go) => {
                (false, Command::NotHandedOver(of(earlier)?, say(*lets_go), reply(self)))
            }
            What::Void(earlier) => (true, Command::Void(returning(of(earlier)?)?, reply(self))),
            What::Refund(earlier, amount) => {
                (true, Command::Refund(returning(of(earlier)?)?, Fen::new(*amount), reply(self)))
            }
            What::Settle(earlier, how) => {
                let how = match how {
                    Ending::Accept => Settlement::Accept,
                    Ending::GiveBack => Settlement::GiveBack,
                    Ending::WriteOff => Settlement::WriteOff,
                };
                let order_no = of(earlier)?;
                let request = SettleRequest { order_no, how, approval: approval(), note: None };
                (true, Command::Settle(request, reply(self)))
            }
            What::Total(earlier, total) => {
                let life = self.counters[counter].life.as_ref()?;
                let row = query::payment(&life.reader, of(earlier)?.as_str()).ok()??;
                let request =
                    TotalRequest { bill: row.bill?.key, total: Fen::new(*total), approval: approval(), note: None };
                let to = self.posts.0.clone();
                let done = Box::new(move |result| {
                    // The world outlives its posts.
                    let _ = to.send(Post::Done { deed, result });
                });
                (false, Command::ChangeTotal(request, done))
            }
            _ => return None,
        })
    }

    fn pays(&self, what: &plan::Pays) -> Pays {
        if self.mutant == Some(Mutant::ForgetsBills) { Pays::Itself } else { pays(what) }
    }

    fn charge(&self, deed: usize, charge: &plan::Charge, bill: Pays) -> Option<ChargeRequest> {
        let code = self.intents.get(deed)?.as_ref()?.code.clone()?;
        Some(ChargeRequest {
            amount: Fen::new(charge.amount),
            code: PaymentCode::parse(&code).ok()?,
            till: TillId::parse(&format!("T{}", charge.till + 1)).ok()?,
            cashier: Cashier::Present(AccountId::parse("02").ok()?),
            terminal: Terminal {
                termno: "12345678".into(),
                longitude: "+121.48352".into(),
                latitude: "+31.221345".into(),
            },
            bill,
            remark: None,
            idempotency: self.key(deed),
        })
    }

    fn key(&self, deed: usize) -> Idempotency {
        let mut body_hash = [0; 32];
        body_hash[..8].copy_from_slice(&u64::try_from(deed).unwrap_or(0).to_be_bytes());
        Idempotency { caller: "person:02".into(), key: format!("deed-{deed:08}"), body_hash }
    }

    /// The code a customer shows: a scan again shows the earlier one.
    fn code_of(&self, deed: usize) -> Option<String> {
        match &self.plan.deeds[deed].what {
            What::Rescan(earlier) => self.intents.get(*earlier)?.as_ref()?.code.clone(),
            What::Charge(_) | What::Retry(_) => {
                let mut chance: Chance = self.chance(("code", deed));
                let prefix = *chance.pick(&["13", "13", "28", "28", "62"]);
                let digits = if prefix == "62" { 17 } else { 16 };
                Some(format!("{prefix}{}", chance.digits(digits)))
            }
            _ => None,
        }
    }

    fn store_of(&self, deed: usize) -> Option<usize> {
        match &self.plan.deeds[deed].what {
            What::Charge(charge) => Some(charge.store),
            What::Again(of)
            | What::Rescan(of)
            | What::Retry(of)
            | What::Cancel(of)
            | What::HandedOver(of)
            | What::NotHandedOver(of, _)
            | What::Void(of)
            | What::Refund(of, _)
            | What::Settle(of, _)
            | What::Total(of, _)
            | What::Account(of, _) => self.intents.get(*of)?.as_ref().map(|intent| intent.store),
            _ => None,
        }
    }

    /// A box answers a person.
    pub(super) fn replied(
        &mut self,
        deed: usize,
        counter: usize,
        result: Result<Accepted, NotAccepted>,
    ) -> Result<(), Violation> {
        let name = self.counters[counter].name.clone();
        let refusal = match result {
            Ok(accepted) => {
                let no = accepted.return_no.unwrap_or(accepted.order_no);
                self.tell(format_args!("{name} answers deed {deed}: {no} {}", accepted.state.as_str()));
                return self.accepted(deed, counter, accepted);
            }
            Err(refusal) => refusal,
        };
        self.tell(format_args!("{name} refuses deed {deed}: {refusal:?}"));
        self.marks.refused(refusal);
        if let Some(intent) = &mut self.intents[deed] {
            intent.answered = true;
        }
        Ok(())
    }

    fn accepted(&mut self, deed: usize, counter: usize, accepted: Accepted) -> Result<(), Violation> {
        // What comes again under a key is about the first one's payment.
        let keyed = match self.plan.deeds[deed].what {
            What::Again(earlier) => {
                self.mark(Situation::SameKeyAgain);
                earlier
            }
            _ => deed,
        };
        self.oracle.answered((counter, keyed), accepted.order_no, accepted.return_no)?;
        if let Some(intent) = &mut self.intents[deed] {
            intent.answered = true;
            intent.order_no = Some(accepted.order_no);
            intent.return_no = accepted.return_no.or(intent.return_no);
        }
        self.saw(counter, accepted)
    }

    /// Somebody sees a payment in a state.
    pub(super) fn saw(&mut self, counter: usize, accepted: Accepted) -> Result<(), Violation> {
        self.marks.state(accepted.state);
        self.saw_late_money(counter, accepted)?;
        let by_word = self.oracle.is_settled(accepted.order_no);
        if !by_word && matches!(accepted.state, State::Paid | State::PartRefunded | State::Refunded) {
            let now = self.now();
            let no = accepted.order_no;
            let taken = self.bank.orders(now).iter().any(|order| order.order_no == no.as_str() && order.charges > 0);
            if !taken {
                let name = &self.counters[counter].name;
                return Err(Invariant::PaidIsPaid
                    .violated(format!("{name} shows {no} as {}, the book took nothing", accepted.state.as_str())));
            }
        }
        Ok(())
    }

    /// A charge ended without money, or has some after all: seen at the first look after both.
    fn saw_late_money(&mut self, counter: usize, Accepted { order_no, state, .. }: Accepted) -> Result<(), Violation> {
        let now_ms = self.now_ms();
        match state {
            State::Closed => self.oracle.ends(counter, order_no, now_ms),
            State::Paid | State::Refunding | State::PartRefunded | State::Refunded | State::Quarantined => {
                let Some((there, ended_ms)) = self.oracle.has_money(order_no) else { return Ok(()) };
                let Some(paid_ms) = self.paid_ms(order_no) else { return Ok(()) };
                let born_ms = self.counters[counter].life.as_ref().map_or(now_ms, |life| life.born_ms);
                let look = |late_ms: &u64| (ended_ms + late_ms).max(born_ms);
                let by_ms = LATE_CHECKS_MS.iter().map(look).find(|look_ms| *look_ms >= paid_ms);
                let mended_ms = self.plan.traits.trade_ms;
                // Until all is mended the line may be silent for a while.
                let takes_ms = |by_ms| LOOK_TAKES_MS + if by_ms < mended_ms { plan::LINE_MAX_MS } else { 0 };
                // Of two machines on one folder the hub bars one, which then looks at nothing, until people have parted them.
                let was_copied = (0..self.counters.len()).any(|other| self.shares_a_key(counter, other));
                if there == counter && !was_copied && by_ms.is_some_and(|by_ms| now_ms > by_ms + takes_ms(by_ms)) {
                    let name = &self.counters[counter].name;
                    let how =
                        format!("{name}: {order_no} ended at {ended_ms}, was paid at {paid_ms}, is seen at {now_ms}");
                    return Err(Invariant::LateMoneyIsSeen.violated(how));
                }
            }
            State::Pending | State::Unknown | State::Held | State::Reversing | State::Reversed | State::Declined => {}
        }
        Ok(())
    }

    /// When the acquirer took the money of an order, in ms of the world.
    fn paid_ms(&mut self, order_no: OrderNo) -> Option<u64> {
        let (now, begins_at_ms) = (self.now(), self.plan.traits.begins_at_ms);
        let order = self.bank.orders(now).iter().find(|order| order.order_no == order_no.as_str())?;
        u64::try_from(order.paid_ms?.saturating_sub(begins_at_ms)).ok()
    }

    pub(super) fn done(&mut self, deed: usize, result: Result<(), NotAccepted>) {
        match result {
            Ok(()) => self.mark(Situation::TotalChanged),
            Err(refusal) => self.marks.refused(refusal),
        }
        self.tell(format_args!("deed {deed}: {result:?}"));
        if let Some(intent) = &mut self.intents[deed] {
            intent.answered = true;
        }
    }

    /// An account is made or changed at a store's box: a fact that moves no money.
    pub(super) fn account(&mut self, store: usize, number: u64, name: &str) -> Result<(), Violation> {
        let counter = self.in_force[store];
        let Ok(account) = AccountId::parse(&format!("{:02}", number % 100)) else { return Ok(()) };
        let set = AccountSet {
            account,
            name: Some(Text::new(name.into())),
            role: Role::Cashier,
            verifier: Some(Text::new("$argon2id$".into())),
            disabled: number > 90,
            by: None,
            at: UtcMs(0),
        };
        self.turn(counter, vec![Command::SetAccount(set, Box::new(drop))])
    }
}

fn pays(pays: &plan::Pays) -> Pays {
    match pays {
        plan::Pays::Itself => Pays::Itself,
        plan::Pays::Bill(number, total, daily) => Pays::Named(NamedBill {
            source: if *daily { "daily".into() } else { "erp".into() },
            number: format!("B{number}"),
            total: Fen::new(*total),
            day: None,
            daily: *daily,
        }),
    }
}
