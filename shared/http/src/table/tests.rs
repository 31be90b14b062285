use axum::Json;
use utoipa::OpenApi as _;
use utoipa_axum::routes;

use super::*;
use crate::{
    access::Callers,
    bearer::{ApiKey, KeyHash, Scope},
    dto,
    session::{Role, Sessions},
};
use guitai_core::time::Now;

#[derive(Clone)]
struct Server;

impl Authenticator for Server {
    fn sessions(&self) -> &Sessions {
        unreachable!("this server is only described")
    }

    fn key(&self, _: &KeyHash) -> Result<Option<ApiKey>, Problem> {
        Ok(None)
    }

    fn now(&self) -> Now {
        Now::default()
    }

    fn request_key(&self) -> [u8; 32] {
        [0; 32]
    }
}

#[derive(utoipa::OpenApi)]
struct Head;

/// One thing.
#[utoipa::path(get, path = "/things/{id}", operation_id = "get_thing", params(("id" = String, Path)),
    responses((status = 200, body = dto::Resync)))]
async fn thing() -> Json<dto::Resync> {
    Json(dto::Resync {})
}

/// Ends it.
#[utoipa::path(delete, path = "/things/{id}", operation_id = "end_thing", params(("id" = String, Path)),
    responses((status = 204)))]
async fn end() {}

fn table() -> Table<Server> {
    let read = Callers::keys(&[Scope::Read, Scope::Charge]).roles(&[Role::Cashier]);
    let ends =
        Callers::keys(&[Scope::Refund]).or_approved_keys(&[Scope::Charge]).approved_roles(&[Role::Administrator]);
    Table::new().routes(Access::Of(ends), routes!(end)).merge(Table::new().routes(Access::Of(read), routes!(thing)))
}

#[test]
fn the_text_has_a_line_a_route() {
    let expected = "DELETE /api/v1/things/{id} refund,charge+approver administrator+approver\n\
                    GET /api/v1/things/{id} read,charge cashier\n";
    assert_eq!(table().to_text(), expected);
    let nobody = Table::<Server>::new().routes(Access::Of(Callers::people()), routes!(thing));
    assert_eq!(nobody.to_text(), "GET /api/v1/things/{id} - -\n");
    let anybody = Table::<Server>::new().routes(Access::Open, routes!(thing));
    assert_eq!(anybody.to_text(), "GET /api/v1/things/{id} open open\n");
}

#[test]
fn what_is_described_is_what_is_in_it() {
    let json = serde_json::to_value(table().document(Head::openapi())).unwrap();
    let methods: Vec<_> = json["paths"]["/api/v1/things/{id}"].as_object().unwrap().keys().collect();
    assert_eq!(methods, ["delete", "get"]);
}
