//! A day's figures, of one store or of all. Sums of the rows that core's fold made of the stores' facts.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use guitai_core::{money::Fen, normal, secret::Wallet, stats::Movement, time::Day};
use guitai_http::{
    dto::{
        CashierTally, Date, DayQuery, HourTally, HubStats, NameId, Stats, StoreTally, Tally, Time, WalletTally, net_fen,
    },
    paging::Query,
    problem::{Code, Problem},
};

use super::internal;
use crate::{app::App, store::Figures};

/// The figures of a business day; without `date` of today's: of one store by its own day, of all by the earliest of their days.
/// Without `store` all stores are summed, and a cashier is named `store/account`, since two stores may both have a cashier 01.
#[utoipa::path(get, path = "/stats", operation_id = "get_stats", params(DayQuery), responses(
    (status = 200, body = HubStats), (status = 404)))]
pub(super) async fn day(State(app): State<Arc<App>>, Query(query): Query<DayQuery>) -> Result<Json<HubStats>, Problem> {
    let as_of = Time(app.clock.now().wall);
    let days = app.days(query.store.as_ref());
    let figures = app.store.figures((days, query.date), query.store.clone()).await.map_err(internal)?;
    let store = match &query.store {
        None => None,
        Some(store) => {
            let line = figures.stores.iter().find(|line| line.id == *store).ok_or(Code::NotFound)?;
            Some(NameId { id: line.id.to_string(), name: line.name.clone() })
        }
    };
    let asked = figures.stores.iter().filter(|line| query.store.as_ref().is_none_or(|store| line.id == *store));
    let up_to_now = asked.clone().filter(|line| app.lines.unsent(&line.id) == Some(0));
    let (reporting, total) = (count(up_to_now.count()), count(asked.count()));
    let (stats, by_store) = sum(figures.day, as_of, store, &figures)?;
    Ok(Json(HubStats { stats, stores_reporting: reporting, stores_total: total, by_store }))
}

/// What went each way.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    paid: Tally,
    /// Voided and refunded.
    back: Tally,
}

impl Part {
    fn count(&mut self, movement: Movement, number: u64, sum: Fen) -> Result<(), Problem> {
        match movement {
            Movement::Paid => self.paid.count(number, sum),
            Movement::Voided | Movement::Refunded => self.back.count(number, sum),
            Movement::Discounted => Ok(()),
        }
    }
}

fn sum(day: Day, as_of: Time, store: Option<NameId>, figures: &Figures) -> Result<(Stats, Vec<StoreTally>), Problem> {
    let (mut paid, mut voided, mut refunded) = (Tally::default(), Tally::default(), Tally::default());
    let mut discounted = Tally::default();
    let mut wallets: BTreeMap<Wallet, Part> = BTreeMap::new();
    let mut cashiers: BTreeMap<(&str, &str), Part> = BTreeMap::new();
    let mut hours: BTreeMap<u8, Tally> = BTreeMap::new();
    let mut stores: BTreeMap<&str, Part> = BTreeMap::new();
    for row in &figures.rows {
        match row.movement {
            Movement::Paid => {
                paid.count(row.count, row.sum)?;
                hours.entry(row.hour).or_default().count(row.count, row.sum)?;
            }
            Movement::Discounted => discounted.count(row.count, row.sum)?,
            Movement::Voided => voided.count(row.count, row.sum)?,
            Movement::Refunded => refunded.count(row.count, row.sum)?,
        }
        wallets.entry(row.wallet).or_default().count(row.movement, row.count, row.sum)?;
        cashiers.entry((&row.store, &row.cashier)).or_default().count(row.movement, row.count, row.sum)?;
        stores.entry(&row.store).or_default().count(row.movement, row.count, row.sum)?;
    }
    let one = store.is_some();
    let named = |at: &str, account: &str| {
        let found = figures.names.iter().find(|(store, other, _)| store == at && other == account);
        found.map(|(_, _, name)| normal::shown(name))
    };
    let by_cashier = cashiers.into_iter().map(|((at, account), part)| CashierTally {
        cashier: if one { account.to_owned() } else { format!("{at}/{account}") },
        name: named(at, account),
        paid: part.paid,
        refunded: part.back,
    });
    let by_store = figures.stores.iter().filter(|line| store.as_ref().is_none_or(|store| store.id == line.id.as_str()));
    let by_store = by_store.map(|line| {
        let part = stores.get(line.id.as_str()).copied().unwrap_or_default();
        StoreTally { store: line.id.to_string(), name: line.name.clone(), paid: part.paid, refunded: part.back }
    });
    let stats = Stats {
        date: Date(day),
        as_of,
        paid,
        discounted,
        voided,
        refunded,
        net_fen: net_fen(paid, &[voided, refunded])?,
        unknown: Tally { count: figures.doubt.0, sum_fen: figures.doubt.1.get() },
        by_wallet: wallets
            .into_iter()
            .map(|(wallet, part)| WalletTally { wallet: wallet.into(), paid: part.paid, refunded: part.back })
            .collect(),
        by_cashier: by_cashier.collect(),
        by_hour: hours
            .into_iter()
            .map(|(hour, tally)| HourTally { hour, count: tally.count, sum_fen: tally.sum_fen })
            .collect(),
        store: store.clone(),
    };
    Ok((stats, by_store.collect()))
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
