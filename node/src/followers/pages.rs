//! Open pages hear of every payment that changed. Their cursor lives in memory: a page that was away asks by `Last-Event-ID`.

use std::{collections::BTreeMap, sync::Arc};

use guitai_core::ids::{FactNo, OrderNo};
use guitai_http::sse::Event;
use guitai_store::{follower::News, query};

use super::following::Following;
use crate::{api, app::App};

/// The follower's name.
pub(super) const NAME: &str = "pages";

pub(super) async fn follow(app: Arc<App>, mut following: Following) {
    while let Some(news) = following.next().await {
        if app.events.receiver_count() > 0 {
            for event in events(&app, &news).await {
                // The last page may have closed just now.
                let _ = app.events.send(event);
            }
        }
        following.done(news.upto).await;
    }
}

/// A payment is told once, as it stands, at the fact that last changed it; one that has changed since comes with the next news.
async fn events(app: &Arc<App>, news: &News) -> Vec<Event> {
    let look_again = || vec![Event::resync()];
    if news.healed {
        return look_again();
    }
    let newest: BTreeMap<OrderNo, FactNo> = news.facts.iter().filter_map(|one| Some((one.order_no?, one.no))).collect();
    let mut changed: Vec<(FactNo, OrderNo)> = newest.into_iter().map(|(order_no, no)| (no, order_no)).collect();
    changed.sort_unstable();
    let read = app.read(move |connection| {
        let rows = changed.into_iter().map(|(_, no)| query::payment(connection, no.as_str()));
        rows.collect::<Result<Vec<_>, _>>()
    });
    let Ok(rows) = read.await else { return look_again() };
    let told = rows.iter().flatten().filter(|row| row.fact <= news.upto);
    told.map(|row| api::events::payment_event(row, row.fact, app)).collect()
}
