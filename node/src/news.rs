//! What pages hear besides payments: how the line to the hub is, and new announcements.

use std::sync::Arc;

use guitai_http::{dto::NoticeNews, sse::Event};

use crate::{api, app::App};

/// Tells pages of the hub's line and of announcements.
pub(crate) async fn tell_pages(app: Arc<App>) {
    let mut line = app.sync.clone();
    let mut announcements = app.announcements.changes();
    loop {
        tokio::select! {
            changed = line.changed() => {
                if changed.is_err() { return; }
                line.borrow_and_update();
                if let Ok(sync) = api::sync_dto(&app).await {
                    let _ = app.events.send(Event::new(&sync));
                }
            }
            changed = announcements.changed() => {
                if changed.is_err() { return; }
                announcements.borrow_and_update();
                let newest = app.announcements.list().into_iter().next();
                let news = newest.map_or_else(NoticeNews::default, |one| NoticeNews { id: one.id, title: one.title });
                let _ = app.events.send(Event::new(&news));
            }
        }
    }
}
