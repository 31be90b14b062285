//! Each store's own day: its node tells how far its clock is from UTC and when its day ends; until one did, it is Beijing's.

use std::collections::HashMap;

use guitai_core::{
    ids::StoreId,
    time::{Day, DayRule, UtcMs},
};

use super::roster::StoreLine;

/// Which day it is at each store at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Days {
    at: UtcMs,
    /// What the nodes that are connected say now.
    told: HashMap<StoreId, DayRule>,
}

impl Days {
    /// At this moment, by what connected nodes say.
    pub(crate) const fn at(at: UtcMs, told: HashMap<StoreId, DayRule>) -> Self {
        Self { at, told }
    }

    /// The business day that it is at a store.
    pub(crate) fn today(&self, store: &StoreLine) -> Day {
        let kept = || store.seen.as_ref().and_then(|seen| seen.status.day);
        self.told.get(&store.id).copied().or_else(kept).unwrap_or(DayRule::BEIJING).day(self.at)
    }

    /// The day of the merchant: of all stores that are open, the earliest. It has not ended everywhere, and has begun everywhere.
    pub(crate) fn merchants<'a>(&self, stores: impl IntoIterator<Item = &'a StoreLine>) -> Day {
        let open = stores.into_iter().filter(|store| store.closed_at.is_none());
        open.map(|store| self.today(store)).min().unwrap_or_else(|| DayRule::BEIJING.day(self.at))
    }
}

#[cfg(test)]
mod tests {
    use guitai_core::{sync::frame::Status, time::parse_beijing};

    use super::*;
    use crate::{store::roster::Seen, testing::store_id};

    fn line(id: &str, day: Option<DayRule>) -> StoreLine {
        let status = Status { day, ..Status::default() };
        let seen = Some(Seen { at: UtcMs(0), status });
        StoreLine {
            id: store_id(id),
            name: id.into(),
            closed_at: None,
            seen,
            facts: None,
            undigested: 0,
            boxes: Vec::new(),
        }
    }

    #[test]
    fn each_store_has_its_own_day_and_the_merchant_the_earliest() {
        let night = parse_beijing("20260106022300").unwrap();
        let bar = line("S001", DayRule::new(480, 360));
        let shop = line("S002", None);
        let days = Days::at(night, HashMap::new());
        let named = |text: &str| Day::parse(text).unwrap();
        assert_eq!((days.today(&bar), days.today(&shop)), (named("2026-01-05"), named("2026-01-06")));
        assert_eq!(days.merchants([&bar, &shop]), named("2026-01-05"));
        let closed = StoreLine { closed_at: Some(night), ..bar.clone() };
        assert_eq!(days.merchants([&closed, &shop]), named("2026-01-06"), "a closed store holds no day back");
        assert_eq!(days.merchants([]), named("2026-01-06"));
        let told = HashMap::from([(bar.id.clone(), DayRule::BEIJING)]);
        assert_eq!(Days::at(night, told).today(&bar), named("2026-01-06"), "what it says now counts");
    }
}
