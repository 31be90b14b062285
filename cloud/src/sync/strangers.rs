//! Seats of callers whom the roster does not know yet. Whoever answers at the hub's port holds one until it is admitted, and
//! whoever holds one may have to give it up: the longest waiting of the address that holds the most. So a node is never kept out by
//! strangers who say nothing, and only by those of its own address for a moment.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use guitai_http::place::Place;
use tokio::sync::Notify;

/// Strangers at one time: each costs a handshake and some 50 KiB.
pub(super) const STRANGERS_MAX: usize = 512;

/// Of one address: many stores may stand behind one.
pub(super) const STRANGERS_PER_PLACE_MAX: usize = 64;

/// All seats.
#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<Seats>);

#[derive(Debug, Default)]
struct Seats {
    /// The number of the next one; they are in the order of their coming.
    next: u64,
    held: BTreeMap<u64, (Place, Arc<Notify>)>,
    of_place: HashMap<Place, usize>,
}

/// A stranger's seat.
#[derive(Debug)]
pub(super) struct StrangerSeat {
    strangers: Arc<Strangers>,
    number: u64,
    taken_away: Arc<Notify>,
}

impl Strangers {
    /// A seat for one more; who must give way for it hears so.
    pub(super) fn seat(self: &Arc<Self>, place: Place) -> StrangerSeat {
        let mut seats = self.lock();
        if seats.of_place.get(&place).is_some_and(|held| *held >= STRANGERS_PER_PLACE_MAX) {
            seats.oldest_gives_way(place);
        } else if seats.held.len() >= STRANGERS_MAX
            && let Some(most) =
                seats.of_place.iter().max_by_key(|(place, held)| (**held, **place)).map(|(place, _)| *place)
        {
            seats.oldest_gives_way(most);
        }
        let (number, taken_away) = (seats.next, Arc::new(Notify::new()));
        seats.next += 1;
        seats.held.insert(number, (place, Arc::clone(&taken_away)));
        *seats.of_place.entry(place).or_default() += 1;
        StrangerSeat { strangers: Arc::clone(self), number, taken_away }
    }

    fn lock(&self) -> MutexGuard<'_, Seats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seats {
    fn oldest_gives_way(&mut self, place: Place) {
        let oldest = self.held.iter().find(|(_, (of, _))| *of == place).map(|(number, _)| *number);
        if let Some(taken_away) = oldest.and_then(|number| self.leave(number)) {
            taken_away.notify_one();
        }
    }

    fn leave(&mut self, number: u64) -> Option<Arc<Notify>> {
        let (place, taken_away) = self.held.remove(&number)?;
        if let Some(held) = self.of_place.get_mut(&place) {
            *held -= 1;
            if *held == 0 {
                self.of_place.remove(&place);
            }
        }
        Some(taken_away)
    }
}

impl StrangerSeat {
    /// Ends when somebody else needs the seat.
    pub(super) async fn taken_away(&self) {
        self.taken_away.notified().await;
    }

    /// The roster knows who sits here: it needs the seat no more. False if it was taken away.
    pub(super) fn leave(&self) -> bool {
        self.strangers.lock().leave(self.number).is_some()
    }
}

impl Drop for StrangerSeat {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn place(last: usize) -> Place {
        Place::of(IpAddr::V4(Ipv4Addr::new(10, 0, 0, u8::try_from(last).unwrap())))
    }

    /// Whether a seat was taken away.
    fn is_gone(seat: &StrangerSeat) -> bool {
        !seat.strangers.lock().held.contains_key(&seat.number)
    }

    #[test]
    fn the_longest_waiting_of_the_address_that_holds_most_gives_way() {
        let strangers = Arc::new(Strangers::default());
        let node = strangers.seat(place(1));
        let flood: Vec<_> = (0..STRANGERS_PER_PLACE_MAX + 10).map(|_| strangers.seat(place(2))).collect();
        assert_eq!(flood.iter().filter(|seat| is_gone(seat)).count(), 10);
        assert!(flood[..10].iter().all(is_gone) && !is_gone(&node));
        let wide: Vec<_> = (0..STRANGERS_MAX).map(|n| strangers.seat(place(3 + n % 200))).collect();
        assert_eq!(strangers.lock().held.len(), STRANGERS_MAX);
        assert!(!is_gone(&node), "of the crowded addresses somebody goes, not of this one");
        assert!(node.leave() && !node.leave());
        assert!(flood[0].strangers.lock().of_place.values().all(|held| *held > 0));
        drop((flood, wide, node));
        let seats = strangers.lock();
        assert!(seats.held.is_empty() && seats.of_place.is_empty());
    }

    #[tokio::test]
    async fn whoever_gives_way_hears_of_it_also_when_it_listens_later() {
        let strangers = Arc::new(Strangers::default());
        let first = strangers.seat(place(1));
        let rest: Vec<_> = (0..STRANGERS_PER_PLACE_MAX).map(|_| strangers.seat(place(1))).collect();
        first.taken_away().await;
        assert!(!first.leave() && rest.iter().all(|seat| !is_gone(seat)));
    }
}
