//! The interface's own description.

use guitai_http::{dto, paging::Page, problem::ProblemBody};
use utoipa::OpenApi;

use super::{announcements, events, figures, health, payments, sessions, stores};

#[derive(OpenApi)]
#[openapi(
    info(title = "Guitai hub 柜台总部", description = "What all stores of a merchant do. Times are RFC 3339 UTC, amounts whole fen."),
    servers((url = "/api/v1")),
    paths(
        sessions::open,
        sessions::current,
        sessions::close,
        stores::list,
        payments::list,
        payments::one,
        figures::day,
        announcements::list,
        announcements::publish,
        announcements::edit,
        events::listen,
        health::read,
    ),
    components(schemas(
        dto::Session,
        dto::StoreRows,
        dto::Payment,
        Page<dto::Payment>,
        dto::Stats,
        dto::HubAnnouncements,
        dto::NewAnnouncement,
        dto::EditHubAnnouncement,
        health::HubHealth,
        ProblemBody,
    ))
)]
struct Document;

/// The OpenAPI 3.1 document.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    document.info.version = crate::app::VERSION.to_owned();
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described() {
        let text = document().to_json().unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let paths = json["paths"].as_object().unwrap();
        let operations: usize = paths.values().map(|path| path.as_object().unwrap().len()).sum();
        assert_eq!(operations, 12, "{paths:?}");
        assert!(json["components"]["schemas"]["Payment"].is_object());
    }
}
