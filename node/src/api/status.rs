//! How the node is.

use std::sync::Arc;

use axum::{Json, extract::State};
use guitai_core::{
    clock::Deviation,
    ids::{FactNo, JournalId},
    trust::Bar,
};
use guitai_http::{
    dto::{self, Devices, HealthStatus, HubLink},
    problem::Problem,
};
use guitai_store::query;

use crate::{app::App, room};

/// How far the hub is.
#[utoipa::path(get, path = "/sync", operation_id = "get_sync",
    responses((status = 200, body = dto::Sync)))]
pub(crate) async fn sync(State(app): State<Arc<App>>) -> Result<Json<dto::Sync>, Problem> {
    sync_dto(&app).await.map(Json)
}

/// Whether the node takes payments. Asked by monitors, so it needs no log-in and tells no secrets.
#[utoipa::path(get, path = "/health", operation_id = "get_health", responses((status = 200, body = dto::Health)))]
pub(crate) async fn health(State(app): State<Arc<App>>) -> Result<Json<dto::Health>, Problem> {
    let sync = sync_dto(&app).await?;
    let devices = Devices { scanner: app.scanner.state(), printer: app.printer.state() };
    let clock = app.till.clock().state();
    let barred = app.membership.bar().is_some_and(Bar::stops_charges);
    let open = !*app.stop.borrow() && !barred && room::check(app.folder.path()).is_ok();
    let accepting = open && !app.lacks_people().await?;
    let fine = accepting && sync.hub == HubLink::Connected && clock.deviation != Deviation::Alarm;
    Ok(Json(dto::Health {
        status: if fine { HealthStatus::Ok } else { HealthStatus::Degraded },
        accepting,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        facts: app.committed.borrow().to_string(),
        unsent: sync.unsent,
        devices,
        clock_offset_ms: clock.offset_ms,
        clock: clock.deviation.into(),
    }))
}

pub(crate) async fn sync_dto(app: &Arc<App>) -> Result<dto::Sync, Problem> {
    let clock = app.till.clock().state();
    let state = app.sync.borrow().clone();
    let journal = JournalId::node(app.store.clone());
    let acked = state.acked.unwrap_or(FactNo { epoch: 1, number: 0 });
    // Mostly all is acknowledged, and memory knows it.
    let (unsent, oldest) = if *app.committed.borrow() == acked {
        (0, None)
    } else {
        app.read(move |connection| query::unsent(connection, &journal, acked)).await?
    };
    Ok(dto::Sync {
        hub: state.link,
        since: state.since.into(),
        unsent,
        oldest_unsent_at: oldest.filter(|_| unsent > 0).map(Into::into),
        acked: state.acked.map(|no| no.to_string()),
        next_retry_at: state.next_retry_at.map(Into::into),
        last_error: state.last_error,
        clock_offset_ms: clock.offset_ms,
        clock: clock.deviation.into(),
        bar: app.membership.bar().map(Into::into),
    })
}
