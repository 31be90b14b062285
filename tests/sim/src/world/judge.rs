//! The oracle's looks at the whole world: after the mending, and at the end.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use guitai_core::{
    ids::OrderNo,
    money::Fen,
    payment::State,
    time::{BusinessClock, Day, UtcMs},
};
use guitai_sandbox::book;
use guitai_store::{
    StoreError, bills, ingest,
    list::{self, PaymentFilter},
    query::{self, Connection, PaymentRow},
};

use super::World;
use crate::{
    counter::Counter,
    oracle::{Invariant, Violation},
};

/// Rows read at once; a world has fewer.
const ROWS_MAX: usize = 20_000;

/// The shortest payment code of this world.
const CODE_DIGITS: usize = 18;

impl World {
    /// Some time after the mending nothing is open but what waits for a person.
    pub(super) fn settles(&self) -> Result<(), Violation> {
        for (number, one) in self.living() {
            let Some(life) = &one.life else { continue };
            if self.is_given_up(number) {
                continue;
            }
            let rows = rows(&life.reader, one.store.as_str()).map_err(unreadable)?;
            let open = rows.iter().filter(|row| row.kind == "charge").find(|row| is_open(row.state));
            if let Some(row) = open {
                let how = format!("{}: {} is {} after the mending", one.name, row.no, row.state.as_str());
                return Err(Invariant::AllSettles.violated(how));
            }
            let counted = bills::open_count(&life.reader).map_err(unreadable)?;
            let held = rows.iter().filter(|row| row.state == State::Held).count();
            if counted > u64::try_from(held).unwrap_or(0) {
                let how = format!("{}: {counted} are counted open, {held} are held", one.name);
                return Err(Invariant::AllSettles.violated(how));
            }
        }
        Ok(())
    }

    /// Everything, at the end.
    pub(super) fn judge(&mut self) -> Result<(), Violation> {
        // Machines that run on one folder may draw the same number at the same moment, before the hub parts them.
        let apart = |senders: &BTreeSet<usize>| {
            !senders.iter().any(|one| senders.iter().any(|other| self.shares_a_key(*one, *other)))
        };
        if let Some(how) = self.oracle.number_of_two(apart) {
            return Err(Invariant::NumberIsOneOrder.violated(how));
        }
        self.falsify()?;
        let now = self.now();
        let orders: BTreeMap<String, book::Order> =
            self.bank.orders(now).iter().map(|order| (order.order_no.clone(), order.clone())).collect();
        for order in orders.values() {
            if order.charges > 1 {
                return Err(
                    Invariant::ChargedOnce.violated(format!("{} was charged {}", order.order_no, order.charges))
                );
            }
            if order.refunded_fen > order.received_fen && order.charges > 0 {
                let how = format!("{}: {} of {} went back", order.order_no, order.refunded_fen, order.received_fen);
                return Err(Invariant::RefundWithinReceived.violated(how));
            }
        }
        self.bills_of_the_plan_are_paid_once(&orders)?;
        let mut bills = BTreeMap::new();
        let mut situations = Vec::new();
        for (number, one) in self.living() {
            let Some(life) = &one.life else { continue };
            let rows = rows(&life.reader, one.store.as_str()).map_err(unreadable)?;
            situations.push((one.journal(), number));
            if self.is_given_up(number) || self.oracle.has_lost(number) {
                // A box that may move no money leaves late money to people; one that lost what nobody else has cannot know.
                continue;
            }
            // Two machines that work on one payment at once: what one of them did after the last delivery dies with it.
            let alone: Vec<&PaymentRow> = rows
                .iter()
                .filter(|row| !self.oracle.movers(row.no).any(|other| self.shares_a_key(number, other)))
                .collect();
            book_agrees(&one.name, &alone, &orders)?;
            figures_add(&one.name, &life.reader, &rows)?;
            self.refold_is_live(number)?;
            self.days_are_true(&rows)?;
            self.codes_are_not_kept(one)?;
            paid_of_bills(&mut bills, number, &rows, &orders);
        }
        for ((bill, _), (kept, total, accepted)) in bills {
            if kept > total && !accepted {
                let how = format!("{bill} comes to {total} fen, {kept} fen are kept");
                return Err(Invariant::BillPaidOnce.violated(how));
            }
        }
        self.the_book_is_known(&orders)?;
        for (journal, number) in situations {
            self.recognise(&journal, number)?;
        }
        self.hub_is_the_node()
    }

    /// Boxes that go on to the end.
    pub(super) fn living(&self) -> impl Iterator<Item = (usize, &Counter)> {
        self.counters.iter().enumerate().filter(|(_, one)| one.life.is_some() && !one.retired)
    }

    /// Whether two machines ran on copies of one folder.
    pub(super) fn shares_a_key(&self, counter: usize, other: usize) -> bool {
        counter != other && self.counters[counter].key() == self.counters[other].key()
    }

    fn hub_is_the_node(&self) -> Result<(), Violation> {
        let Some(hub) = &self.hub.life else { return Ok(()) };
        let reader = hub.sqlite.reader();
        for &number in &self.in_force {
            let one = &self.counters[number];
            let Some(life) = &one.life else { continue };
            if self.is_given_up(number) || life.member.is_lost_at_hub() {
                continue;
            }
            let journal = one.journal();
            let here = ingest::head(&life.reader, &journal).map_err(unreadable)?;
            let there = reader.read(|connection| ingest::head(connection, &journal)).map_err(unreadable)?;
            if here != there {
                let how = format!("{} ends at {}, the hub has it up to {}", one.name, here.0, there.0);
                return Err(Invariant::HubIsTheNode.violated(how));
            }
            let at_hub: BTreeMap<OrderNo, PaymentRow> = reader
                .read(|connection| rows(connection, one.store.as_str()))
                .map_err(unreadable)?
                .into_iter()
                .map(|row| (row.no, row))
                .collect();
            for row in rows(&life.reader, one.store.as_str()).map_err(unreadable)? {
                let other = at_hub.get(&row.no).cloned().map(|row| comparable(row, one));
                let row = comparable(row, one);
                if other.as_ref() != Some(&row) {
                    return Err(Invariant::RowsAgree.violated(format!("{row}; at the hub {other:?}")));
                }
            }
        }
        Ok(())
    }

    /// What the hub acknowledged is there after it started, unless somebody put it back.
    pub(super) fn hub_kept_what_it_acknowledged(&self) -> Result<(), Violation> {
        let Some(hub) = &self.hub.life else { return Ok(()) };
        let reader = hub.sqlite.reader();
        for (counter, upto) in self.oracle.deliveries() {
            let journal = self.counters[*counter].journal();
            if matches!(reader.read(|connection| ingest::head_at(connection, &journal, *upto)), Ok(None)) {
                let how = format!("{} of {} was acknowledged and is gone", upto, self.counters[*counter].name);
                return Err(Invariant::HubKeepsWhatItAcknowledged.violated(how));
            }
        }
        Ok(())
    }

    /// Every charge lies within a day of the one on which it left, by true time, and what goes back on a day of the world: a clock of
    /// 1970, 2038 or another month dated nothing.
    fn days_are_true(&self, rows: &[PaymentRow]) -> Result<(), Violation> {
        let clock = BusinessClock::beijing();
        let day = |at_ms| clock.day(at_ms).count().unwrap_or(0);
        let begins_at_ms = self.plan.traits.begins_at_ms;
        let world = (day(UtcMs(begins_at_ms)).saturating_sub(2), day(self.now()) + 1);
        for row in rows {
            let left = self.oracle.left(row.no).filter(|_| row.kind == "charge");
            let left = left.map(|left_ms| day(UtcMs(begins_at_ms.saturating_add_unsigned(left_ms))));
            let (first, last) = left.map_or(world, |left| (left.saturating_sub(1), left + 1));
            if row.business_day.count().is_some_and(|is| !(first..=last).contains(&is)) {
                let how = format!("{} lies on {:?}, not on a day of {first} to {last}", row.no, row.business_day);
                return Err(Invariant::DaysAreTrue.violated(how));
            }
        }
        Ok(())
    }

    /// No file holds a whole payment code, in whatever table or page.
    fn codes_are_not_kept(&self, one: &Counter) -> Result<(), Violation> {
        // So many digits give any of them away.
        let codes: HashSet<&[u8]> =
            self.intents.iter().flatten().filter_map(|intent| intent.code()?.as_bytes().get(..CODE_DIGITS)).collect();
        for name in one.disk.names() {
            let bytes = one.disk.read(&name).unwrap_or_default();
            let mut at = 0;
            // A stretch that ends in something else than a digit holds none before that.
            while let Some(part) = bytes.get(at..at + CODE_DIGITS) {
                match part.iter().rposition(|byte| !byte.is_ascii_digit()) {
                    Some(other) => at += other + 1,
                    None if codes.contains(part) => {
                        let how = format!("{}: {name} holds a payment code", one.name);
                        return Err(Invariant::CodesAreNotKept.violated(how));
                    }
                    None => at += 1,
                }
            }
        }
        Ok(())
    }
}

pub(super) fn rows(reader: &Connection, store: &str) -> Result<Vec<PaymentRow>, StoreError> {
    let filter = PaymentFilter { store: Some(store.to_owned()), ..PaymentFilter::default() };
    list::payments(reader, &filter, ROWS_MAX)
}

/// A row in words. A box that goes on from another's journal does not know what that one's bills came to.
fn comparable(mut row: PaymentRow, one: &Counter) -> String {
    if let (Some(bill), Some(_)) = (&mut row.bill, &one.folder.enrolment.after) {
        bill.total = Fen::ZERO;
    }
    format!("{row:?}")
}

pub(super) fn unreadable(error: StoreError) -> Violation {
    Invariant::AllSettles.violated(format!("what should be well cannot be read: {error}"))
}

/// What must end by itself. A payment whose goods are gone waits for the acquirer or a person for ever.
const fn is_open(state: State) -> bool {
    match state {
        State::Pending | State::Unknown | State::Reversing | State::Refunding => true,
        State::Held
        | State::Paid
        | State::Declined
        | State::Closed
        | State::Reversed
        | State::PartRefunded
        | State::Refunded
        | State::Quarantined => false,
    }
}

/// States agree, sums agree.
fn book_agrees(name: &str, rows: &[&PaymentRow], orders: &BTreeMap<String, book::Order>) -> Result<(), Violation> {
    for row in rows.iter().filter(|row| row.kind == "charge") {
        if row.reason.as_deref() == Some("number_used") || row.settled.is_some() || row.state == State::Held {
            // Another's order has the number, or a person's word stands for the acquirer's.
            continue;
        }
        let order = orders.get(row.no.as_str());
        let there = order.map(|order| order.state);
        let right = match row.state {
            State::Paid => there == Some(book::State::Paid),
            State::PartRefunded => there == Some(book::State::PartRefunded),
            State::Refunded => matches!(there, Some(book::State::Refunded | book::State::Reversed)),
            State::Reversed => matches!(there, Some(book::State::Reversed | book::State::Refunded)),
            State::Declined => matches!(there, None | Some(book::State::Failed | book::State::Closed)),
            State::Closed => matches!(there, None | Some(book::State::Closed | book::State::Failed)),
            State::Quarantined => order.is_some_and(|order| order.charges > 0),
            State::Pending | State::Unknown | State::Held | State::Reversing | State::Refunding => false,
        };
        let back = order.map_or(0, |order| order.refunded_fen);
        let same_back = row.refunded.get() == back || row.state != State::PartRefunded;
        if !right || !same_back {
            let how = format!(
                "{name}: {} is {} ({} back), in the book {there:?} ({back} back)",
                row.no,
                row.state.as_str(),
                row.refunded
            );
            return Err(Invariant::BookAgrees.violated(how));
        }
    }
    Ok(())
}

/// Over all days, what the figures call paid is what the rows say was paid.
fn figures_add(name: &str, reader: &Connection, rows: &[PaymentRow]) -> Result<(), Violation> {
    let days: BTreeSet<Day> = rows.iter().map(|row| row.business_day).collect();
    for day in days {
        let figures = query::day_stats(reader, day, None).map_err(unreadable)?;
        let counted: u64 = figures
            .iter()
            .filter(|figure| figure.movement == guitai_core::stats::Movement::Paid)
            .map(|figure| figure.sum.get())
            .sum();
        let listed: u64 = rows
            .iter()
            .filter(|row| row.kind == "charge" && row.business_day == day && row.paid_at.is_some())
            .map(|row| row.amount.get())
            .sum();
        if counted != listed {
            let how = format!("{name}: {day:?} has {counted} fen paid in its figures, {listed} in its list");
            return Err(Invariant::FiguresAdd.violated(how));
        }
    }
    Ok(())
}

type Kept = BTreeMap<(String, usize), (u64, u64, bool)>;

/// What is kept of each bill by a box, and what the bill comes to.
fn paid_of_bills(bills: &mut Kept, counter: usize, rows: &[PaymentRow], orders: &BTreeMap<String, book::Order>) {
    for row in rows.iter().filter(|row| row.kind == "charge") {
        let Some(bill) = &row.bill else { continue };
        let Some(order) = orders.get(row.no.as_str()) else { continue };
        if row.reason.as_deref() == Some("number_used") {
            continue;
        }
        let kept = kept(order);
        let key = (format!("{} {:?}", row.store, bill.key), counter);
        let entry = bills.entry(key).or_insert((0, bill.total.get(), false));
        entry.0 += kept;
        entry.2 |= row.settled.is_some() || row.state == State::Quarantined;
    }
}

/// What the merchant keeps of an order.
pub(super) fn kept(order: &book::Order) -> u64 {
    match order.state {
        book::State::Paid => order.amount_fen,
        book::State::PartRefunded => order.amount_fen.saturating_sub(order.refunded_fen),
        book::State::Pending
        | book::State::Failed
        | book::State::Closed
        | book::State::Reversed
        | book::State::Refunded => 0,
    }
}
