//! A day's figures.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use guitai_core::{
    money::Fen,
    secret::Wallet,
    stats::Movement,
    time::{Day, UtcMs},
};
use guitai_http::{
    bearer::Principal,
    dto::{self, CashierTally, DayQuery, HourTally, NameId, Tally, WalletTally, net_fen},
    paging::Query,
    problem::Problem,
};
use guitai_store::query::{self, StatRow};

use super::payments::own_only;
use crate::app::App;

/// The figures of one business day of this store; a cashier's own only.
#[utoipa::path(get, path = "/stats/day", operation_id = "get_day_stats", params(DayQuery),
    responses((status = 200, body = dto::Stats)))]
pub(crate) async fn day(
    State(app): State<Arc<App>>,
    who: Principal,
    Query(asked): Query<DayQuery>,
) -> Result<Json<dto::Stats>, Problem> {
    let now = app.trusted_now();
    let day = asked.date.unwrap_or_else(|| app.clock.day(now));
    let store = app.store.as_str().to_owned();
    let own = own_only(&who);
    let (rows, doubt, names) = app
        .read(move |connection| {
            let mut rows = query::day_stats(connection, day, Some(&store))?;
            if let Some(own) = &own {
                rows.retain(|row| row.cashier == *own);
            }
            let names = query::accounts(connection, &store)?;
            Ok((rows, query::in_doubt(connection, day, Some(&store), own.as_deref())?, names))
        })
        .await?;
    let names = names.into_iter().map(|row| (row.account, row.name)).collect();
    let mut stats = fold(&rows, day, doubt, &names, now)?;
    stats.store = Some(NameId { id: app.store.to_string(), name: app.store_name.clone() });
    Ok(Json(stats))
}

fn fold(
    rows: &[StatRow],
    day: Day,
    (doubts, doubtful): (u64, Fen),
    names: &BTreeMap<String, String>,
    now: UtcMs,
) -> Result<dto::Stats, Problem> {
    let sum = |wanted: &dyn Fn(&StatRow) -> bool| -> Result<Tally, Problem> {
        let mut tally = Tally::default();
        rows.iter().filter(|row| wanted(row)).try_for_each(|row| tally.count(row.count, row.sum))?;
        Ok(tally)
    };
    let moved = |movement| sum(&|row: &StatRow| row.movement == movement);
    let (paid, voided, refunded) = (moved(Movement::Paid)?, moved(Movement::Voided)?, moved(Movement::Refunded)?);
    let discounted = moved(Movement::Discounted)?;
    let mut cashiers: Vec<&str> = rows.iter().map(|row| row.cashier.as_str()).collect();
    cashiers.sort_unstable();
    cashiers.dedup();
    let back = |row: &StatRow| row.movement.is_back();
    let by_wallet =
        Wallet::ALL.into_iter().filter(|wallet| rows.iter().any(|row| row.wallet == *wallet)).map(|wallet| {
            Ok(WalletTally {
                wallet: wallet.into(),
                paid: sum(&|row| row.wallet == wallet && row.movement == Movement::Paid)?,
                refunded: sum(&|row| row.wallet == wallet && back(row))?,
            })
        });
    let by_cashier = cashiers.into_iter().map(|cashier| {
        Ok(CashierTally {
            cashier: cashier.to_owned(),
            name: names.get(cashier).cloned(),
            paid: sum(&|row| row.cashier == cashier && row.movement == Movement::Paid)?,
            refunded: sum(&|row| row.cashier == cashier && back(row))?,
        })
    });
    let mut by_hour = Vec::new();
    for hour in 0..24 {
        let Tally { count, sum_fen } = sum(&|row: &StatRow| row.hour == hour && row.movement == Movement::Paid)?;
        if count > 0 {
            by_hour.push(HourTally { hour, count, sum_fen });
        }
    }
    Ok(dto::Stats {
        date: day.into(),
        store: None,
        as_of: now.into(),
        net_fen: net_fen(paid, &[voided, refunded])?,
        paid,
        discounted,
        voided,
        refunded,
        unknown: Tally { count: doubts, sum_fen: doubtful.get() },
        by_wallet: by_wallet.collect::<Result<_, Problem>>()?,
        by_cashier: by_cashier.collect::<Result<_, Problem>>()?,
        by_hour,
    })
}
