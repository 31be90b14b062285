//! What a world will be: drawn whole from its seed before anything happens, so that it can be written down, made shorter and
//! played again.

use serde::{Deserialize, Serialize};

use crate::chance::Chance;

/// The true time when a world begins: 2026-03-10 10:00 in Beijing.
pub const BEGINS_AT_MS: i64 = 1_773_108_000_000;

/// One minute, in ms.
pub const MINUTE_MS: u64 = 60_000;

/// One hour, in ms.
pub const HOUR_MS: u64 = 60 * MINUTE_MS;

/// The longest trouble of the acquirer's line, in ms.
pub const LINE_MAX_MS: u64 = 20 * MINUTE_MS;

/// A world to be played.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// Where its chance comes from.
    pub seed: u64,
    /// How it is made.
    pub traits: Traits,
    /// What people and accidents do, by time.
    pub deeds: Vec<Deed>,
}

/// What holds all along a world's trade. Healing ends all of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Traits {
    /// Stores, each with a box.
    pub stores: usize,
    /// Tills of a store.
    pub tills: u64,
    /// The store's days begin at this hour.
    pub cut_off: u8,
    /// The true time of the beginning, in ms since 1970.
    pub begins_at_ms: i64,
    /// How long people trade, in ms.
    pub trade_ms: u64,
    /// A call to the acquirer takes so long one way, in ms: at least, at most.
    pub call_ms: (u64, u64),
    /// Calls that never leave, in thousandths.
    pub unsent: u64,
    /// Requests that get lost after they left.
    pub lost: u64,
    /// Answers that get lost, their deed done.
    pub unanswered: u64,
    /// Answers that come a second time, later.
    pub twice: u64,
    /// The line to the hub takes so long one way, in ms: at least, at most.
    pub line_ms: (u64, u64),
    /// Messages after which the line to the hub is cut, in thousandths.
    pub cut: u64,
    /// Of what was not synced, so much survives a power cut, in thousandths.
    pub survives: u64,
    /// Nobody answers at the hub at all.
    pub no_hub: bool,
}

/// Something that happens at a time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Deed {
    /// When, in ms since the beginning.
    pub at_ms: u64,
    /// What.
    pub what: What,
    /// It does not happen: taken away while the plan was made shorter.
    #[serde(default)]
    pub skipped: bool,
}

impl Deed {
    const fn at(at_ms: u64, what: What) -> Self {
        Self { at_ms, what, skipped: false }
    }
}

/// What people do and what befalls them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum What {
    /// A cashier charges a customer.
    Charge(Charge),
    /// The same request comes again under its key.
    Again(usize),
    /// The customer's code is scanned again, as a new sale.
    Rescan(usize),
    /// The customer pays the sale of an earlier attempt.
    Retry(usize),
    /// The cashier gives up the payment of that deed.
    Cancel(usize),
    /// 货已交.
    HandedOver(usize),
    /// 没交货; whether a manager lets the bill go at once.
    NotHandedOver(usize, bool),
    /// A manager takes it back whole.
    Void(usize),
    /// A manager gives so much of it back, in fen.
    Refund(usize, u64),
    /// A manager ends what only a person can end: how.
    Settle(usize, Ending),
    /// The bill of that deed comes to so much now, in fen.
    Total(usize, u64),
    /// An account is made at a store's box.
    Account(usize, u64),
    /// A box's process is killed, and starts again after so many ms.
    Kill(usize, u64),
    /// A box's power fails, and comes back after so many ms.
    Power(usize, u64),
    /// From the n-th operation on a box's disk fails, until the box is started again.
    Disk(usize, u64, DiskFault),
    /// A box's disk is full for so many ms.
    Full(usize, u64),
    /// A box's wall clock is set.
    Wall(usize, Wall),
    /// A copy of a box's folder is put aside.
    Backup(usize),
    /// The box is put back to the copy put aside.
    Restore(usize),
    /// Another machine is started on a copy of the box's folder.
    Copy(usize),
    /// Another box is let in for the store, with an empty folder.
    Replace(usize),
    /// The box is let in anew.
    Reenter(usize),
    /// People take the store's first box back into use, let in anew in its old folder.
    TakeBack(usize),
    /// No line between a box and the hub for so many ms.
    Offline(usize, u64),
    /// The hub's process is killed, and starts again after so many ms.
    HubKill(u64),
    /// The hub's power fails, and comes back after so many ms.
    HubPower(u64),
    /// A copy of the hub's folder is put aside.
    HubBackup,
    /// The hub is put back to it.
    HubRestore,
    /// The line to the acquirer is so for so many ms.
    Line(Line, u64),
    /// The acquirer refuses refunds, or reversals, for so many ms.
    Refuse(Returns, u64),
    /// Somebody else has the number of the next such call; with the same amount, or another.
    Occupy(Called, bool),
}

/// A sale.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Charge {
    /// At which box.
    pub store: usize,
    /// At which of its tills.
    pub till: u64,
    /// In fen; the last two digits decide what the acquirer does.
    pub amount: u64,
    /// What it pays.
    pub pays: Pays,
    /// The request is sent twice at once.
    pub double: bool,
}

/// What a sale pays.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Pays {
    /// Itself.
    Itself,
    /// A bill of the shop's own system: number, total in fen, whether its source numbers anew each day.
    Bill(u64, u64, bool),
}

/// How a disk fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiskFault {
    /// Reads.
    Read,
    /// Writes.
    Write,
    /// Syncs.
    Sync,
}

/// What a wall clock is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wall {
    /// Off by so many ms.
    Off(i64),
    /// A year's first day.
    Year(u16),
    /// It stands still.
    Frozen,
    /// It is right.
    Right,
}

/// How a line to the acquirer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Line {
    /// Connections are refused.
    Refuse,
    /// Requests are done and never answered.
    Mute,
    /// Answers come after 8 s.
    Slow,
    /// Answers break off.
    Cut,
}

/// What gives money back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Returns {
    /// Refunds.
    Refund,
    /// Reversals.
    Cancel,
}

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Called {
    /// A charge.
    Charge,
    /// A reversal.
    Cancel,
    /// A refund.
    Refund,
}

/// A manager's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// The money is ours.
    Accept,
    /// It goes back.
    GiveBack,
    /// It is written off.
    WriteOff,
}

impl Plan {
    /// The world of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut chance = Chance::of(seed, "plan");
        let traits = traits(&mut chance);
        let deeds = deeds(&mut chance, &traits);
        Self { seed, traits, deeds }
    }

    /// What people want, apart from accidents.
    #[must_use]
    pub fn intents(&self) -> usize {
        self.deeds.iter().filter(|deed| deed.what.is_intent()).count()
    }
}

impl What {
    /// Whether a person asks for something that moves money, or may.
    #[must_use]
    pub const fn is_intent(&self) -> bool {
        matches!(
            self,
            Self::Charge(_)
                | Self::Again(_)
                | Self::Rescan(_)
                | Self::Retry(_)
                | Self::Cancel(_)
                | Self::HandedOver(_)
                | Self::NotHandedOver(..)
                | Self::Void(_)
                | Self::Refund(..)
                | Self::Settle(..)
                | Self::Total(..)
        )
    }
}

fn traits(chance: &mut Chance) -> Traits {
    // A quarter of the worlds are quiet: they reach states that accidents never let anybody reach.
    let quiet = chance.happens(250);
    let mut spoiled = |most: u64| if quiet || chance.happens(400) { 0 } else { chance.between(1, most) };
    let (unsent, lost, unanswered, twice, cut) = (spoiled(60), spoiled(120), spoiled(200), spoiled(50), spoiled(40));
    let begins_at_ms = match chance.below(10) {
        // Shortly before midnight, and shortly before a cut-off at 02:00.
        0 => BEGINS_AT_MS + 13 * 3_600_000 + 50 * 60_000,
        1 => BEGINS_AT_MS + 15 * 3_600_000 + 50 * 60_000,
        _ => BEGINS_AT_MS,
    };
    Traits {
        stores: usize::try_from(*chance.pick(&[1, 1, 1, 1, 2, 2, 3])).unwrap_or(1),
        tills: chance.between(1, 3),
        cut_off: *chance.pick(&[0, 0, 0, 2, 6]),
        begins_at_ms,
        trade_ms: *chance.pick(&[10, 20, 30, 45, 90, 240]) * MINUTE_MS,
        call_ms: *chance.pick(&[(5, 40), (20, 200), (100, 2_000), (500, 9_000)]),
        unsent,
        lost,
        unanswered,
        twice,
        line_ms: *chance.pick(&[(1, 5), (10, 60), (100, 400), (300, 2_000)]),
        cut,
        survives: *chance.pick(&[0, 0, 200, 500, 800, 1000]),
        no_hub: chance.happens(60),
    }
}

/// Amounts whose last two digits make the acquirer go other ways than paid at once.
const ENDINGS: [u64; 22] = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 25];

fn deeds(chance: &mut Chance, traits: &Traits) -> Vec<Deed> {
    let mut deeds = Vec::new();
    let intents = if chance.happens(20) { chance.between(150, 400) } else { chance.between(16, 44) };
    let mut charged: Vec<(usize, u64)> = Vec::new();
    let mut bills: Vec<(u64, u64, bool)> = Vec::new();
    let mut moments: Vec<u64> = (0..intents).map(|_| chance.below(traits.trade_ms)).collect();
    moments.sort_unstable();
    for at_ms in moments {
        let what = if charged.is_empty() || chance.happens(620) {
            let charge = charge(chance, traits, &mut bills);
            charged.push((deeds.len(), charge.amount));
            What::Charge(charge)
        } else {
            word(chance, &charged)
        };
        deeds.push(Deed::at(at_ms, what));
    }
    // Numbers of deeds are places in this list: accidents come behind, and the world sorts by time.
    for _ in 0..chance.between(0, 6) {
        deeds.extend(accident(chance, traits));
    }
    if deeds.len() == usize::try_from(intents).unwrap_or(0) && !chance.happens(200) {
        deeds.extend(accident(chance, traits));
    }
    deeds
}

fn charge(chance: &mut Chance, traits: &Traits, bills: &mut Vec<(u64, u64, bool)>) -> Charge {
    let ending = if chance.happens(450) { chance.between(26, 99) } else { *chance.pick(&ENDINGS) };
    let amount = chance.between(1, 300) * 100 + ending;
    let pays = match chance.below(10) {
        0..=5 => Pays::Itself,
        6 | 7 if !bills.is_empty() => {
            let (number, total, daily) = *chance.pick(bills);
            Pays::Bill(number, total, daily)
        }
        _ => {
            let total = if chance.happens(600) { amount } else { amount + chance.between(1, 20_000) };
            let daily = chance.happens(250);
            let bill = (u64::try_from(bills.len()).unwrap_or(0), total, daily);
            bills.push(bill);
            Pays::Bill(bill.0, bill.1, bill.2)
        }
    };
    Charge {
        store: chance.index(traits.stores),
        till: chance.below(traits.tills),
        amount,
        pays,
        double: chance.happens(60),
    }
}

/// Something about an earlier charge, mostly one of the last.
fn word(chance: &mut Chance, charged: &[(usize, u64)]) -> What {
    let back = chance.index(charged.len().min(4));
    let (of, amount) = charged[charged.len() - 1 - back];
    match chance.below(20) {
        0..=2 => What::Again(of),
        3 => What::Rescan(of),
        4 | 5 => What::Retry(of),
        6 | 7 => What::Cancel(of),
        8 | 9 => What::HandedOver(of),
        10 | 11 => What::NotHandedOver(of, chance.happens(400)),
        12..=14 => What::Void(of),
        15 | 16 => {
            let part = if chance.happens(500) { amount } else { chance.between(1, amount) };
            let part = if chance.happens(300) { part / 100 * 100 + *chance.pick(&[20, 21]) } else { part };
            What::Refund(of, part.max(1))
        }
        17 => What::Settle(of, *chance.pick(&[Ending::Accept, Ending::GiveBack, Ending::WriteOff])),
        18 => What::Total(of, amount + chance.between(0, 10_000)),
        _ => What::Account(of, chance.below(100)),
    }
}

/// One accident, or a few that belong together.
fn accident(chance: &mut Chance, traits: &Traits) -> Vec<Deed> {
    let at_ms = chance.below(traits.trade_ms);
    let store = chance.index(traits.stores);
    let down = *chance.pick(&[500, 2_000, 15_000, 5 * MINUTE_MS, 40 * MINUTE_MS]);
    let later = |chance: &mut Chance| at_ms + 1 + chance.below((traits.trade_ms - at_ms).max(2) - 1);
    let one = |what| vec![Deed::at(at_ms, what)];
    match chance.below(40) {
        0..=5 => one(What::Kill(store, down)),
        6..=11 => one(What::Power(store, down)),
        12 | 13 => {
            let fault = *chance.pick(&[DiskFault::Read, DiskFault::Write, DiskFault::Sync]);
            one(What::Disk(store, chance.below(60), fault))
        }
        14 => one(What::Full(store, *chance.pick(&[5_000, MINUTE_MS, 10 * MINUTE_MS]))),
        15..=19 => wall(chance, store, at_ms, traits),
        20..=22 => {
            let back = Deed::at(later(chance), What::Restore(store));
            vec![Deed::at(at_ms, What::Backup(store)), back]
        }
        23 => one(What::Copy(store)),
        24 | 25 => one(What::Replace(store)),
        26 => one(What::Reenter(store)),
        38 if chance.happens(500) => {
            let back = Deed::at(later(chance), What::TakeBack(store));
            vec![Deed::at(at_ms, What::Replace(store)), back]
        }
        27..=29 => one(What::Offline(store, *chance.pick(&[3_000, 30_000, 5 * MINUTE_MS, 4 * HOUR_MS]))),
        30 | 31 => one(What::HubKill(down)),
        32 => one(What::HubPower(down)),
        33 => {
            let back = Deed::at(later(chance), What::HubRestore);
            vec![Deed::at(at_ms, What::HubBackup), back]
        }
        34..=36 => {
            let line = *chance.pick(&[Line::Refuse, Line::Mute, Line::Slow, Line::Cut]);
            one(What::Line(line, *chance.pick(&[5_000, 40_000, 3 * MINUTE_MS, LINE_MAX_MS])))
        }
        37 => {
            let what = *chance.pick(&[Returns::Refund, Returns::Cancel]);
            one(What::Refuse(what, *chance.pick(&[40_000, 5 * MINUTE_MS, 30 * MINUTE_MS])))
        }
        _ => {
            let called = *chance.pick(&[Called::Charge, Called::Charge, Called::Cancel, Called::Refund]);
            // A refund of the same amount under the same number by somebody else, with our answer lost, cannot be told from ours by
            // any question that an acquirer answers.
            one(What::Occupy(called, called != Called::Refund && chance.happens(500)))
        }
    }
}

/// A clock that is wrong is mostly met at a start.
fn wall(chance: &mut Chance, store: usize, at_ms: u64, traits: &Traits) -> Vec<Deed> {
    let day = 24 * 3_600_000;
    let to = match chance.below(12) {
        0 => Wall::Year(1970),
        1 => Wall::Year(2000),
        2 => Wall::Year(2038),
        3 => Wall::Off(day),
        4 => Wall::Off(-day),
        5 => Wall::Off(-300_000),
        6 => Wall::Off(360_000),
        7 => Wall::Off(8 * 3_600_000),
        8 => Wall::Frozen,
        9 => Wall::Off(40 * day),
        10 => Wall::Off(-40 * day),
        _ => Wall::Off(i64::try_from(chance.below(1_200_000)).unwrap_or(0) - 600_000),
    };
    let mut deeds = vec![Deed::at(at_ms, What::Wall(store, to))];
    if chance.happens(600) {
        deeds.push(Deed::at(at_ms + 1, What::Kill(store, 1_000)));
    }
    if chance.happens(300) {
        let right = at_ms + chance.below((traits.trade_ms - at_ms).max(1));
        deeds.push(Deed::at(right, What::Wall(store, Wall::Right)));
    }
    deeds
}
