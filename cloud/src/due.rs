//! What is still to be told to listeners, store by store. Whoever adds to it waits for nothing; one teller a store takes it away,
//! in strides, and all tellers take turns at the figures.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use guitai_core::ids::{OrderNo, StoreId};

/// Payments of one store told of at once; of more, the newest are, and listeners are told to look again.
const PAYMENTS_MAX: usize = 200;

/// What changed at a store since it was last told of.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Payments, each once, in the order of their last change.
    pub(crate) payments: Vec<OrderNo>,
    /// There were more.
    pub(crate) dropped: bool,
}

#[derive(Debug, Default)]
struct Waiting {
    payments: VecDeque<OrderNo>,
    dropped: bool,
}

/// What is due, of every store that has a teller.
#[derive(Debug, Default)]
pub(crate) struct Due {
    /// None: nothing new since it was last told of.
    stores: Mutex<BTreeMap<StoreId, Option<Waiting>>>,
    /// Figures are asked for by one teller at a time.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

impl Due {
    /// Adds news of a store; answers whether it needs a teller.
    pub(crate) fn add(&self, store: &StoreId, changed: impl IntoIterator<Item = OrderNo>) -> bool {
        let mut stores = self.lock();
        let is_new = !stores.contains_key(store);
        let waiting = stores.entry(store.clone()).or_default().get_or_insert_default();
        for no in changed {
            waiting.payments.retain(|other| *other != no);
            waiting.payments.push_back(no);
            if waiting.payments.len() > PAYMENTS_MAX {
                waiting.payments.pop_front();
                waiting.dropped = true;
            }
        }
        is_new
    }

    /// What its teller has to tell now; with none left, the store has no teller any more.
    pub(crate) fn take(&self, store: &StoreId) -> Option<Changes> {
        let mut stores = self.lock();
        match stores.get_mut(store).and_then(Option::take) {
            Some(Waiting { payments, dropped }) => Some(Changes { payments: payments.into(), dropped }),
            None => {
                stores.remove(store);
                None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<StoreId, Option<Waiting>>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use guitai_core::{
        ids::{Issuer, Numbering},
        time::UtcMs,
    };

    use super::*;

    #[test]
    fn a_store_has_one_teller_who_takes_all_that_came_meanwhile_and_no_more_than_is_told_at_once() {
        let (due, store) = (Due::default(), StoreId::parse("S001").unwrap());
        let mut numbering = Numbering::resume(Issuer::new(7).unwrap(), None);
        let numbers: Vec<OrderNo> = (0..300).map(|n| numbering.next(UtcMs(1_767_579_072_000 + n * 1_000))).collect();
        assert!(due.add(&store, [numbers[0], numbers[1], numbers[0]]), "it needs a teller");
        assert!(!due.add(&store, []), "it has one");
        let told = due.take(&store).unwrap();
        assert_eq!((told.payments, told.dropped), (vec![numbers[1], numbers[0]], false));
        assert!(!due.add(&store, numbers.clone()), "the teller is at work");
        let told = due.take(&store).unwrap();
        assert_eq!((told.payments, told.dropped), (numbers[300 - PAYMENTS_MAX..].to_vec(), true));
        assert!(due.take(&store).is_none(), "the teller goes");
        assert!(due.add(&store, []), "and another is needed");
    }
}
