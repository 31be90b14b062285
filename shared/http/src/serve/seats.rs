//! Who may sit, and who gives way when all seats are taken.
//!
//! A connection belongs to a stranger until a request on it proved who calls. When a newcomer finds no seat, a stranger loses one:
//! of the place that holds most of them, whoever has been keeping it waiting for longest, be it for a request's head, its body or for
//! taking the answer; last whoever is known and asks nothing. Whoever is known and has a request under way keeps the seat, so that
//! nobody without a log-in can stop a counter.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::Notify,
    time::{Duration, Instant, timeout},
};

use crate::{place::Place, share::give_back};

/// Seats of one caller who proved to be known; what it holds beyond sits among strangers.
pub const KNOWN_PER_CALLER_MAX: usize = 32;

/// A stranger keeps a seat for so long whoever else comes. A request that is already on its way is read within a few milliseconds of
/// its connection's turn, so this is plenty for the honest, and 512 seats turn over 10,000 times a second.
pub const GRACE: Duration = Duration::from_millis(50);

/// What a connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// A request's head.
    Head,
    /// The rest of a request's body.
    Body,
    /// Its answer to be made, or to be taken.
    Answer,
}

/// All seats of one server.
#[derive(Debug)]
pub(super) struct Seats {
    max: usize,
    per_place: usize,
    room: Mutex<Room>,
    /// Somebody left.
    left: Notify,
}

#[derive(Debug, Default)]
struct Room {
    /// Counts events; orders who has been waiting for longest.
    turn: u64,
    taken: BTreeMap<u64, Sitter>,
    /// Those whose place is not limited count as one.
    places: HashMap<Option<Place>, usize>,
    callers: HashMap<String, usize>,
}

#[derive(Debug)]
struct Sitter {
    place: Option<Place>,
    phase: Phase,
    /// The turn at which the phase began.
    since: u64,
    /// The time from which it counts; none before the connection is looked at for the first time.
    begun: Option<Instant>,
    /// Who it is, once known.
    caller: Option<String>,
    give_way: Arc<Notify>,
}

/// Why a newcomer does not sit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoSeat {
    /// Its address has all of its own.
    Place,
    /// Everybody who sits is known and busy.
    Full,
}

impl Seats {
    pub(super) fn new(max: usize, per_place: usize) -> Arc<Self> {
        Arc::new(Self { max, per_place, room: Mutex::default(), left: Notify::new() })
    }

    /// Takes a seat; a place that is `None` is not counted.
    pub(super) fn take(self: &Arc<Self>, place: Option<Place>) -> Result<Seat, NoSeat> {
        let mut room = self.room();
        if place.is_some() && room.places.get(&place).is_some_and(|held| *held >= self.per_place) {
            return Err(NoSeat::Place);
        }
        if room.taken.len() >= self.max {
            let id = room.gives_way(Instant::now()).ok_or(NoSeat::Full)?;
            if let Some(sitter) = room.remove(id) {
                sitter.give_way.notify_one();
            }
        }
        let id = room.next_turn();
        let give_way = Arc::new(Notify::new());
        *room.places.entry(place).or_default() += 1;
        let sitter =
            Sitter { place, phase: Phase::Head, since: id, begun: None, caller: None, give_way: Arc::clone(&give_way) };
        room.taken.insert(id, sitter);
        Ok(Seat { seats: Arc::clone(self), id, give_way })
    }

    /// Waits until somebody has left, or may have to.
    pub(super) async fn somebody_left(&self) {
        // In either case it is looked at anew.
        let _ = timeout(GRACE / 4, self.left.notified()).await;
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    const fn next_turn(&mut self) -> u64 {
        self.turn += 1;
        self.turn
    }

    /// Who loses the seat to a newcomer.
    fn gives_way(&self, now: Instant) -> Option<u64> {
        let settled = self.taken.iter().filter(|(_, sitter)| {
            let begun = sitter.begun;
            begun.is_some_and(|begun| now.duration_since(begun) >= GRACE)
        });
        let in_order = settled.filter_map(|(id, sitter)| {
            let rank = match (&sitter.caller, sitter.phase) {
                (None, Phase::Head | Phase::Body | Phase::Answer) => 0,
                (Some(_), Phase::Head) => 1,
                (Some(_), Phase::Body | Phase::Answer) => return None,
            };
            let of_place = self.places.get(&sitter.place).copied().unwrap_or(0);
            Some(((rank, Reverse(of_place), sitter.since), *id))
        });
        in_order.min().map(|(_, id)| id)
    }

    fn remove(&mut self, id: u64) -> Option<Sitter> {
        let sitter = self.taken.remove(&id)?;
        give_back(&mut self.places, &sitter.place);
        if let Some(caller) = &sitter.caller {
            give_back(&mut self.callers, caller);
        }
        Some(sitter)
    }
}

/// A seat; given back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    id: u64,
    give_way: Arc<Notify>,
}

impl Seat {
    /// Resolves when the seat was given to another.
    pub(super) async fn given_away(&self) {
        self.give_way.notified().await;
    }

    /// The connection is looked at: from now on it keeps us waiting.
    pub(super) fn begin(&self) {
        if let Some(sitter) = self.seats.room().taken.get_mut(&self.id) {
            sitter.begun = Some(Instant::now());
        }
    }

    /// The connection waits for something else now. With the next request its caller has to be known anew: a proxy's connection
    /// carries everybody's.
    pub(super) fn now(&self, phase: Phase) {
        let mut room = self.seats.room();
        let since = room.next_turn();
        let Some(sitter) = room.taken.get_mut(&self.id).filter(|sitter| sitter.phase != phase) else { return };
        let begins = sitter.phase == Phase::Head;
        (sitter.phase, sitter.since, sitter.begun) = (phase, since, Some(Instant::now()));
        if let Some(caller) = sitter.caller.take_if(|_| begins) {
            give_back(&mut room.callers, &caller);
        }
    }

    /// The request under way is this caller's.
    pub(super) fn known(&self, caller: &str) {
        let mut room = self.seats.room();
        let Room { taken, callers, .. } = &mut *room;
        let Some(sitter) = taken.get_mut(&self.id) else { return };
        if let Some(before) = sitter.caller.take() {
            give_back(callers, &before);
        }
        let held = callers.entry(caller.to_owned()).or_default();
        if *held < KNOWN_PER_CALLER_MAX {
            *held += 1;
            sitter.caller = Some(caller.to_owned());
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.room().remove(self.id);
        self.seats.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(n: u8) -> Option<Place> {
        Some(Place::of([192, 168, 1, n].into()))
    }

    /// A seat whose connection is looked at.
    fn take(seats: &Arc<Seats>, place: Option<Place>) -> Seat {
        let seat = seats.take(place).unwrap();
        seat.begin();
        seat
    }

    /// Whether a seat was given to another.
    fn gone(seat: &Seat) -> bool {
        !seat.seats.room().taken.contains_key(&seat.id)
    }

    #[test]
    fn a_place_has_its_share() {
        let seats = Seats::new(10, 2);
        let held = [take(&seats, place(1)), take(&seats, place(1))];
        assert_eq!(seats.take(place(1)).unwrap_err(), NoSeat::Place);
        assert!(seats.take(place(2)).is_ok() && seats.take(None).is_ok());
        drop(held);
        assert!(seats.take(place(1)).is_ok());
        assert_eq!(seats.room().places.len(), 0, "all given back");
    }

    async fn after_the_grace() {
        tokio::time::advance(GRACE).await;
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_give_way_the_longest_waiting_first_and_the_busy_never() {
        let seats = Seats::new(6, 10);
        let [answered, body, first, second, idle, busy] = std::array::from_fn(|_| take(&seats, None));
        for seat in [&answered, &body, &idle, &busy] {
            seat.now(Phase::Body);
        }
        idle.known("person:01");
        busy.known("key:erp");
        for seat in [&answered, &idle, &busy] {
            seat.now(Phase::Answer);
        }
        idle.now(Phase::Head);
        assert_eq!(seats.take(None).unwrap_err(), NoSeat::Full, "nobody is sent away at once");
        after_the_grace().await;
        let order = [&first, &second, &body, &answered, &idle];
        let mut newcomers = Vec::new();
        for (number, next) in order.into_iter().enumerate() {
            assert!(order.iter().skip(number).all(|seat| !gone(seat)), "{number}");
            let newcomer = take(&seats, None);
            newcomer.now(Phase::Body);
            newcomer.known(&format!("key:{number}"));
            newcomers.push(newcomer);
            assert!(gone(next), "{number}");
        }
        assert!(!gone(&busy));
        assert_eq!(seats.take(None).unwrap_err(), NoSeat::Full);
        drop(newcomers.pop());
        assert!(seats.take(None).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn the_place_that_holds_most_gives_way_first() {
        let seats = Seats::new(5, 10);
        let honest = [take(&seats, None), take(&seats, place(1))];
        let crowd = [(); 3].map(|()| take(&seats, place(2)));
        after_the_grace().await;
        let newcomers = [take(&seats, place(3)), take(&seats, place(4))];
        assert!(gone(&crowd[0]) && gone(&crowd[1]) && !gone(&crowd[2]), "although the others have waited longer");
        assert!(honest.iter().chain(&newcomers).all(|seat| !gone(seat)));
        assert!(seats.take(place(5)).is_ok() && gone(&honest[0]), "among equals the longest waiting");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_known_for_one_request_and_a_caller_for_so_many_seats() {
        let seats = Seats::new(KNOWN_PER_CALLER_MAX + 1, 10);
        let held: Vec<Seat> = (0..=KNOWN_PER_CALLER_MAX).map(|_| take(&seats, None)).collect();
        for seat in &held {
            seat.now(Phase::Body);
            seat.known("key:erp");
        }
        after_the_grace().await;
        let newcomer = take(&seats, None);
        assert!(gone(&held[KNOWN_PER_CALLER_MAX]), "beyond its share it is a stranger");
        drop(newcomer);
        held[0].now(Phase::Head);
        held[0].now(Phase::Body);
        let newcomer = take(&seats, None);
        after_the_grace().await;
        newcomer.known("key:pos");
        newcomer.now(Phase::Body);
        newcomer.known("key:pos");
        let _another = take(&seats, None);
        assert!(gone(&held[0]), "the next request on it has to say who calls");
        drop((held, newcomer));
        assert!(seats.room().callers.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_one_who_gives_way_and_the_one_who_waits_are_told() {
        let seats = Seats::new(1, 10);
        let first = take(&seats, None);
        after_the_grace().await;
        let second = take(&seats, None);
        first.given_away().await;
        second.now(Phase::Body);
        second.known("key:erp");
        assert_eq!(seats.take(None).unwrap_err(), NoSeat::Full);
        drop(first);
        seats.somebody_left().await;
        drop(second);
        seats.somebody_left().await;
        assert!(seats.take(None).is_ok());
    }
}
