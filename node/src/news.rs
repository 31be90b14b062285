//! What follows from commits and from the line: pages are told, receipts are queued. All of it may be late; none of it holds a
//! payment up.

use std::sync::Arc;

use guitai_core::ids::{FactNo, OrderNo};
use guitai_http::sse::{Event, RESYNC};
use guitai_store::query;
use guitai_till::Accepted;
use tokio::sync::mpsc;

use crate::{
    api,
    app::App,
    devices::{Copy, Letterhead},
};

/// Turns the engine's news into events for the open pages, off the engine's thread.
pub(crate) async fn tell_pages(app: Arc<App>, mut shown: mpsc::UnboundedReceiver<(Accepted, FactNo)>) {
    while let Some((changed, fact)) = shown.recv().await {
        if app.events.receiver_count() == 0 {
            continue;
        }
        let no = changed.order_no;
        match app.read(move |connection| query::payment(connection, no.as_str())).await {
            Ok(Some(row)) => drop(app.events.send(api::events::payment_event(&row, fact, &app))),
            // Pages that cannot be told what changed are told to look again.
            Ok(None) | Err(_) => drop(app.events.send(Event::new(RESYNC, &serde_json::json!({})))),
        }
    }
}

/// Queues a receipt for each row that took or gave money.
pub(crate) async fn print_receipts(app: Arc<App>, mut prints: mpsc::UnboundedReceiver<OrderNo>) {
    while let Some(no) = prints.recv().await {
        let Ok(Some(row)) = app.read(move |connection| query::payment(connection, no.as_str())).await else {
            tracing::error!(order.no = %no, "no receipt: its row cannot be read");
            continue;
        };
        let head = Letterhead { title: &app.title, store: &app.store, clock: &app.clock };
        let Some(receipt) = head.receipt(&row, app.trusted_now(), Copy::First) else { continue };
        if let Some(Err(refused)) = app.printer.print(receipt) {
            tracing::warn!(order.no = %no, ?refused, "no receipt");
        }
    }
}

/// Tells pages of the hub's line and of announcements.
pub(crate) async fn tell_small_news(app: Arc<App>) {
    let mut line = app.sync.clone();
    let mut announcements = app.announcements.changes();
    loop {
        tokio::select! {
            changed = line.changed() => {
                if changed.is_err() { return; }
                line.borrow_and_update();
                if let Ok(sync) = api::sync_dto(&app).await {
                    let _ = app.events.send(Event::new("sync", &sync));
                }
            }
            changed = announcements.changed() => {
                if changed.is_err() { return; }
                announcements.borrow_and_update();
                let newest = app.announcements.list().into_iter().next();
                let (id, title) = newest.map_or_else(Default::default, |one| (one.id, one.title));
                let news = serde_json::json!({ "id": id, "title": title });
                let _ = app.events.send(Event::new("notice", &news));
            }
        }
    }
}
