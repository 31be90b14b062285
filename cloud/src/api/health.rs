//! Whether the hub is well, for whoever watches it.

use std::sync::{Arc, atomic::Ordering};

use axum::{Json, extract::State};
use guitai_http::{dto::HealthStatus, problem::Problem};
use serde::Serialize;
use utoipa::ToSchema;

use super::internal;
use crate::app::{App, VERSION};

/// `GET /health` of the hub.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HubHealth {
    /// In a word: degraded while what stores send cannot be kept.
    status: HealthStatus,
    /// What stores send is kept.
    storing: bool,
    /// The program's version.
    version: &'static str,
    /// Stores whose line is up.
    stores_connected: u64,
    /// All stores.
    stores_total: u64,
    /// The UDP port at which nodes are heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 65535)]
    sync_port: Option<u16>,
}

/// Answers when the database does. Open to all, and tells nothing of the business.
#[utoipa::path(get, path = "/health", operation_id = "get_health",
    responses((status = 200, body = HubHealth)))]
pub(super) async fn read(State(app): State<Arc<App>>) -> Result<Json<HubHealth>, Problem> {
    let stores_total = app.store.store_count().await.map_err(internal)?;
    let storing = app.storing.load(Ordering::Relaxed);
    Ok(Json(HubHealth {
        status: if storing { HealthStatus::Ok } else { HealthStatus::Degraded },
        storing,
        version: VERSION,
        stores_connected: u64::try_from(app.lines.count()).unwrap_or(u64::MAX),
        stores_total,
        sync_port: app.sync_port.get().copied(),
    }))
}
