//! What leaves a till for the acquirer, and what comes back.

use guitai_core::{
    acquirer::{Call, Expected, Reply},
    clock::Witness,
    payment::State,
    time::{Ticks, UtcMs},
};
use guitai_store::list::{self, PaymentFilter};
use guitai_till::Accepted;
use guitai_till::Command;

use super::{Event, Flight, Landing, World};
use crate::{
    mutant::Mutant,
    oracle::Violation,
    plan::{HOUR_MS, Line, MINUTE_MS},
    situation::Situation,
};

/// No whole answer within this, in ms: the call counts as unanswered.
const ANSWER_WITHIN_MS: u64 = 15_000;

/// How far off a wrong time is that everybody tells, in ms.
pub(super) const WRONG_BY_MS: i64 = 40 * 24 * 3_600_000;

/// How late a slow line answers, in ms.
const SLOW_MS: u64 = 8_000;

/// The first wait between two questions for the time, in ms, and the longest.
const TIME_ASKED_MS: (u64, u64) = (30_000, 30 * MINUTE_MS);

impl World {
    /// A call of a till leaves, or does not.
    pub(super) fn call(&mut self, counter: usize, call: &Call) -> Result<(), Violation> {
        let (life, asked) = (self.counters[counter].starts, self.ticks(counter));
        let question = call.question();
        let (request, number) = self.bank.encode(call);
        let order_no = question.order_no();
        let now_ms = self.now_ms();
        self.oracle.called(counter, order_no, call, now_ms);
        if let Call::Charge(charge) = call {
            match self.mutant {
                Some(Mutant::NumbersTwice) => self.oracle.sent(counter, order_no, (charge.amount.get() + 1, "charge")),
                Some(Mutant::PaidBeforeAnswered) => {
                    self.saw(counter, Accepted { order_no, state: State::Paid, return_no: None })?;
                }
                _ => {}
            }
        }
        self.tell(format_args!("{} asks {} {order_no}", self.counters[counter].name.clone(), name(call)));
        let traits = self.plan.traits.clone();
        let mut chance = self.chance(("call", order_no.as_str(), name(call), number));
        if self.bank.line == Some(Line::Refuse) || (!self.mended && chance.happens(traits.unsent)) {
            self.mark(Situation::CallNeverLeft);
            let reply = Reply::NotSent { detail: "no connection".into() };
            let landing = Landing { counter, life, question, reply, asked, time: false };
            self.schedule(self.now_ms() + 50, Event::Comes(landing));
            return Ok(());
        }
        let flight = Flight { counter, life, request, question, number, sent_ms: self.now_ms(), time: false };
        let (least, most) = if self.mended { (5, 40) } else { traits.call_ms };
        let arrives = self.now_ms() + chance.between(least, most);
        self.schedule(arrives, Event::Arrives(flight));
        Ok(())
    }

    pub(super) fn arrives(&mut self, flight: Flight) -> Result<(), Violation> {
        let Flight { counter, life, request, question, number, sent_ms, time } = flight;
        let order_no = question.order_no();
        let traits = self.plan.traits.clone();
        let mut chance = self.chance(("way back", order_no.as_str(), number));
        let asked = Ticks(sent_ms.saturating_sub(self.counters[counter].life.as_ref().map_or(0, |life| life.born_ms)));
        let no_answer = |at_ms: u64| (at_ms, Reply::NoAnswer { detail: "no answer".into() });
        let too_late = sent_ms + ANSWER_WITHIN_MS;
        let (at_ms, reply) = if !self.mended && chance.happens(traits.lost) {
            self.mark(Situation::RequestLost);
            no_answer(too_late)
        } else {
            let now = self.now();
            let reply = self.bank.answer(now, &request, &mut chance).map(|reply| self.told_by(reply));
            let (least, most) = if self.mended { (5, 40) } else { traits.call_ms };
            let back = self.now_ms() + chance.between(least, most);
            match (reply, self.bank.line) {
                (None, _) => no_answer(too_late),
                (Some(_), Some(Line::Mute)) => no_answer(too_late),
                (Some(_), Some(Line::Cut)) => no_answer(back),
                (Some(_), _) if !self.mended && chance.happens(traits.unanswered) => {
                    self.mark(Situation::AnswerLost);
                    no_answer(too_late)
                }
                (Some(reply), Some(Line::Slow)) if back + SLOW_MS < too_late => (back + SLOW_MS, reply),
                (Some(_), _) if back >= too_late => no_answer(too_late),
                (Some(reply), _) => (back, reply),
            }
        };
        if !self.mended && !time && chance.happens(traits.twice) {
            self.mark(Situation::AnswerTwice);
            let again = self.now_ms() + chance.between(1, 10 * MINUTE_MS);
            let landing = Landing { counter, life, question, reply: reply.clone(), asked, time };
            self.schedule(again.max(at_ms), Event::Comes(landing));
        }
        self.schedule(at_ms, Event::Comes(Landing { counter, life, question, reply, asked, time }));
        Ok(())
    }

    pub(super) fn comes(&mut self, landing: Landing) -> Result<(), Violation> {
        let Landing { counter, life, question, reply, asked, time } = landing;
        if self.counters[counter].starts != life || self.counters[counter].life.is_none() {
            return Ok(());
        }
        let ended = self.oracle.ended(question.order_no()).filter(|_| self.mutant == Some(Mutant::LooksAway));
        let reply = match ended {
            Some(ended_ms) if self.now_ms() < ended_ms + 2 * HOUR_MS => Reply::NoAnswer { detail: "no answer".into() },
            _ => reply,
        };
        let answer = self.bank.decode(&question, &reply);
        let mut commands = Vec::new();
        if let (Some(said), true) = (reply.date(), answer.is_proven()) {
            commands.push(Command::TimeTold { said, by: Witness::Acquirer, asked });
        }
        if !time {
            let order_no = question.order_no();
            let words = format!("{answer:?}");
            let words: String = words.chars().take(160).collect();
            self.tell(format_args!("{} hears of {order_no}: {words}", self.counters[counter].name.clone()));
            commands.push(Command::Answered(order_no, answer, reply.date()));
        }
        self.turn(counter, commands)
    }

    /// While the time is in doubt after a start, the acquirer is asked about the newest order here.
    pub(super) fn ask_time(&mut self, counter: usize, life: u64, wait_ms: u64) -> Result<(), Violation> {
        let store = self.counters[counter].store.as_str().to_owned();
        let Some(running) = self.counters[counter].life.as_ref() else { return Ok(()) };
        if self.counters[counter].starts != life || !running.till.clock().state().is_unknown() {
            return Ok(());
        }
        let filter = PaymentFilter { store: Some(store), kind: Some("charge".into()), ..PaymentFilter::default() };
        let Ok(rows) = list::payments(&running.reader, &filter, 1) else { return Ok(()) };
        let asked = self.ticks(counter);
        if let Some((no, amount, wallet)) =
            rows.into_iter().next().and_then(|row| Some((row.no, row.amount, row.wallet?)))
        {
            let call = Call::Query(Expected { order_no: no, amount, wallet });
            let (request, number) = self.bank.encode(&call);
            let question = call.question();
            let sent_ms = self.now_ms();
            self.mark(Situation::TimeAsked);
            if self.bank.line == Some(Line::Refuse) {
                let reply = Reply::NotSent { detail: "no connection".into() };
                self.schedule(
                    sent_ms + 50,
                    Event::Comes(Landing { counter, life, question, reply, asked, time: true }),
                );
            } else {
                let flight = Flight { counter, life, request, question, number, sent_ms, time: true };
                self.schedule(sent_ms + 30, Event::Arrives(flight));
            }
        }
        let (first, longest) = TIME_ASKED_MS;
        let next = (wait_ms * 2).clamp(first, longest);
        self.schedule(self.now_ms() + next, Event::AskTime { counter, life, wait_ms: next });
        Ok(())
    }

    /// The acquirer's answer, with its own time.
    fn told_by(&self, reply: Reply) -> Reply {
        match reply {
            Reply::Http { status, date, body } if self.mutant == Some(Mutant::TellsAWrongTime) => {
                Reply::Http { status, date: date.map(|date| UtcMs(date.0 + WRONG_BY_MS)), body }
            }
            reply => reply,
        }
    }

    /// A box's own ticks.
    pub(super) fn ticks(&self, counter: usize) -> Ticks {
        self.counters[counter].life.as_ref().map_or(Ticks(0), |life| life.till.clock().up())
    }
}

/// What a call is called in the story.
pub(crate) const fn name(call: &Call) -> &'static str {
    match call {
        Call::Charge(_) => "charge",
        Call::Query(_) => "query",
        Call::Reverse(_) => "reverse",
        Call::QueryReversal(_) => "query-reversal",
        Call::Close { .. } => "close",
        Call::Refund(_) => "refund",
        Call::QueryRefund(_) => "query-refund",
    }
}
