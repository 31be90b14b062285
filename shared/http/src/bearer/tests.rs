use super::*;
use crate::{
    access::{Access, Callers},
    idempotency::Keyed,
    session::Role,
    table::guarded,
};
use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
    routing::{get, post},
};
use guitai_core::time::{Ticks, UtcMs};
use http_body_util::BodyExt;
use std::collections::HashMap;
use tower::ServiceExt;

struct Server {
    sessions: Sessions,
    keys: HashMap<KeyHash, ApiKey>,
    unreadable: bool,
}

impl Authenticator for Server {
    fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    fn key(&self, hash: &KeyHash) -> Result<Option<ApiKey>, Problem> {
        if self.unreadable { Err(Code::Internal.into()) } else { Ok(self.keys.get(hash).cloned()) }
    }

    fn now(&self) -> Now {
        Now::alone(UtcMs(0), Ticks(0))
    }

    fn request_key(&self) -> [u8; 32] {
        [7; 32]
    }
}

struct Rig {
    app: Router,
    key: String,
    cookie: String,
}

fn rig() -> Rig {
    rig_whose_keys(false)
}

fn rig_whose_keys(unreadable: bool) -> Rig {
    let key = new_key().unwrap();
    let scopes = Scopes::parse("charge,read").unwrap();
    let keys = HashMap::from([(key.hash, ApiKey { name: "erp".to_owned(), scopes, hash: key.hash })]);
    let sessions = Sessions::new(b"k");
    let person = Person { account: AccountId::parse("01").unwrap(), name: "王".to_owned(), role: Role::Cashier };
    let opened = sessions.open(person, "v", Now::default()).unwrap();
    let cookie = opened.set_cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
    let keyed = |who: Principal, request: Keyed<serde_json::Value>| async move {
        format!("{} {} {:?}", who.caller(), request.key.as_str(), request.request)
    };
    let state = Arc::new(Server { sessions, keys, unreadable });
    let all = Access::Of(Callers::keys(&Scope::ALL).roles(&Role::ALL));
    let admin = Access::Of(Callers::keys(&[Scope::Admin]).roles(&[Role::Administrator]));
    let who = || get(|who: Principal| async move { who.caller() });
    let person = get(|SignedIn(current): SignedIn| async move { current.person.name });
    let app = Router::new()
        .route("/who", guarded(all, who(), &state))
        .route("/person", guarded(all, person, &state))
        .route("/admin", guarded(admin, who(), &state))
        .route("/open", guarded(Access::Open, get(|| async { "open" }), &state))
        .route("/undeclared", who())
        .nest("/api", Router::new().route("/pay", guarded(all, post(keyed), &state)))
        .with_state(state);
    Rig { app, key: key.text.expose().to_owned(), cookie }
}

impl Rig {
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (StatusCode, String) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.app.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> (StatusCode, String) {
        self.ask("GET", path, headers, "").await
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_looked_up_is_no_wrong_key() {
    let rig = rig_whose_keys(true);
    let bearer = format!("Bearer {}", rig.key);
    assert_eq!(rig.get("/who", &[("authorization", &bearer)]).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(rig.get("/who", &[("authorization", "Bearer gk_short")]).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(rig.get("/who", &[("cookie", &rig.cookie)]).await.0, StatusCode::OK, "people need no key");
}

#[tokio::test]
async fn keys_and_sessions_say_who_is_calling() {
    let rig = rig();
    let bearer = format!("Bearer {}", rig.key);
    let cookie = rig.cookie.clone();
    assert_eq!(rig.get("/who", &[("authorization", &bearer)]).await, (StatusCode::OK, "key:erp".to_owned()));
    assert_eq!(rig.get("/who", &[("cookie", &cookie)]).await, (StatusCode::OK, "person:01".to_owned()));
    assert_eq!(rig.get("/person", &[("cookie", &cookie)]).await, (StatusCode::OK, "王".to_owned()));
    assert_eq!(rig.get("/person", &[("authorization", &bearer)]).await.0, StatusCode::FORBIDDEN);
    assert_eq!(rig.get("/admin", &[("cookie", &cookie)]).await.0, StatusCode::FORBIDDEN);
    assert_eq!(rig.get("/admin", &[("authorization", &bearer)]).await.0, StatusCode::FORBIDDEN);
    assert_eq!(rig.get("/who", &[]).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(rig.get("/open", &[]).await.0, StatusCode::OK);
    let undeclared = rig.get("/undeclared", &[("authorization", &bearer)]).await;
    assert_eq!(undeclared.0, StatusCode::INTERNAL_SERVER_ERROR, "nobody said who may");
}

#[tokio::test]
async fn a_wrong_key_is_not_healed_by_a_session() {
    let rig = rig();
    let other = new_key().unwrap();
    let wrong = [
        format!("Bearer {}", other.text.expose()),
        format!("Basic {}", rig.key),
        rig.key.clone(),
        format!("Bearer {}x", rig.key),
        format!("Bearer {}", rig.key.to_uppercase()),
        "Bearer ".to_owned(),
        String::new(),
    ];
    for value in &wrong {
        let asked = rig.get("/who", &[("authorization", value), ("cookie", &rig.cookie)]).await;
        assert_eq!(asked.0, StatusCode::UNAUTHORIZED, "{value}");
    }
    let bearer = format!("Bearer {}", rig.key);
    let twice = rig.get("/who", &[("authorization", &bearer), ("authorization", &bearer)]).await;
    assert_eq!(twice.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn money_needs_a_key_and_the_hash_covers_the_whole_path() {
    let rig = rig();
    let bearer = format!("Bearer {}", rig.key);
    let auth = ("authorization", bearer.as_str());
    let (status, body) = rig.ask("POST", "/api/pay", &[auth], "{}").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body.contains("idempotency_key_missing"), "{body}");
    for bad in ["short", "has a space in it", "a,b"] {
        let (status, body) = rig.ask("POST", "/api/pay", &[auth, ("idempotency-key", bad)], "{}").await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(body.contains("idempotency_key_malformed"), "{body}");
    }
    let (_, one) = rig.ask("POST", "/api/pay", &[auth, ("idempotency-key", "order-0001")], "").await;
    let (_, two) = rig.ask("POST", "/api/pay", &[auth, ("idempotency-key", "order-0001")], " { } ").await;
    assert_eq!(one, two);
    let expected =
        crate::idempotency::RequestHash::of(&[7; 32], &axum::http::Method::POST, "/api/pay", &serde_json::json!({}));
    assert_eq!(one, format!("key:erp order-0001 {expected:?}"));
}

#[test]
fn scopes_read_back_and_name_what_they_do_not_know() {
    let scopes = Scopes::parse("refund, charge,charge").unwrap();
    assert_eq!(scopes.to_text(), "charge,refund");
    assert_eq!(Scopes::parse(&scopes.to_text()), Ok(scopes));
    for (list, word) in [("", ""), ("charge,", ""), ("charge,all", "all"), ("Charge", "Charge")] {
        assert_eq!(Scopes::parse(list), Err(UnknownScope(word.to_owned())));
    }
}

#[test]
fn keys_have_256_bits_and_do_not_print_themselves() {
    let (one, two) = (new_key().unwrap(), new_key().unwrap());
    assert_ne!(one.hash, two.hash);
    let text = one.text.expose();
    assert_eq!((text.len(), KeyHash::of(text)), (KEY_PREFIX.len() + KEY_CHARS, Some(one.hash)));
    assert!(!format!("{one:?}").contains(text));
}
