use std::net::SocketAddr;

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
};
use guitai_core::{ids::OrderNo, money::Fen, payment::Paid, secret::Wallet};
use guitai_documents::{Document, PeerSync, announcements_id, generate, receive};
use guitai_http::{
    bearer::{self, ApiKey, Scope, Scopes},
    guard::{self, Hosts},
    serve::Peer,
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{
    api,
    store::PeerState,
    testing::{MORNING, NodeSide, Rig, rig},
};

/// Somebody at a hub.
struct Caller {
    app: Router,
    key: Option<String>,
    cookie: Option<String>,
}

fn caller(rig: &Rig) -> Caller {
    let bound: SocketAddr = "127.0.0.1:8443".parse().unwrap();
    let app = api::router(std::sync::Arc::clone(&rig.app)).layer(axum::Extension(Peer(bound)));
    Caller { app: guard::protect(app, Hosts::new(bound, &[]).unwrap()), key: None, cookie: None }
}

fn program(rig: &Rig, scope: Scope) -> Caller {
    let made = bearer::new_key().unwrap();
    let key = ApiKey { name: scope.as_str().to_owned(), scopes: Scopes::default().with(scope), hash: made.hash };
    assert!(rig.sqlite.add_key(&key, MORNING).unwrap());
    Caller { key: Some(made.text.expose().to_owned()), ..caller(rig) }
}

async fn headquarters(rig: &Rig) -> Caller {
    rig.admin().await;
    let mut person = caller(rig);
    let login = json!({"account": "admin", "password": "correct horse"});
    let response = person.send("POST", "/sessions", Some(login)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    person.cookie = cookie.split(';').next().map(str::to_owned);
    person
}

impl Caller {
    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> axum::response::Response {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::HOST, "127.0.0.1:8443")
            .header(header::ACCEPT_LANGUAGE, "en")
            .header("x-guitai", "1");
        if let Some(key) = &self.key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.app.clone().oneshot(request.body(body).unwrap()).await.unwrap()
    }

    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let response = self.send(method, path, body).await;
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }
}

/// Two stores: S001 with 7 sales, one of them part refunded, and a doubt; S002 with 2 sales.
fn two_stores(rig: &Rig) -> (NodeSide, NodeSide, OrderNo) {
    let (mut one, mut two) = (rig.store("S001", "一号店", 2), rig.store("S002", "二号店", 3));
    let first = one.sale(1_000, Wallet::Wechat, 0);
    for minute in 1..7 {
        one.sale(500, Wallet::Alipay, minute);
    }
    one.refund(first, 300, 700, 8);
    one.doubt(9_900, 9);
    two.sale(20_000, Wallet::Wechat, 70);
    two.sale(1, Wallet::Ecny, 71);
    one.deliver(rig);
    two.deliver(rig);
    (one, two, first)
}

fn numbers(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().unwrap();
    items.iter().map(|item| item["order_no"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn payments_of_all_stores_page_by_page() {
    let rig = rig();
    let (_, _, first) = two_stores(&rig);
    let erp = program(&rig, Scope::Read);
    let all = erp.get("/payments?limit=200").await;
    assert_eq!((numbers(&all).len(), &all["next_cursor"]), (11, &Value::Null));
    let times: Vec<&str> = all["items"].as_array().unwrap().iter().map(|i| i["created_at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "newest first: {times:?}");

    let (mut paged, mut path) = (Vec::new(), "/payments?limit=4".to_owned());
    loop {
        let page = erp.get(&path).await;
        paged.push(numbers(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/payments?limit=4&cursor={cursor}");
    }
    assert_eq!(paged.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 3]);
    assert_eq!(paged.concat(), numbers(&all), "pages hold each row once");

    assert_eq!(numbers(&erp.get("/payments?store=S002").await).len(), 2);
    assert_eq!(numbers(&erp.get("/payments?kind=refund").await).len(), 1);
    assert_eq!(numbers(&erp.get("/payments?state=unknown&store=S001").await).len(), 1);
    assert_eq!(numbers(&erp.get("/payments?state=unknown&store=S002").await).len(), 0);
    let from = "2026-01-05T03:21:12.000Z";
    assert_eq!(numbers(&erp.get(&format!("/payments?from={from}")).await).len(), 2, "inclusive");
    assert_eq!(numbers(&erp.get(&format!("/payments?to={from}")).await).len(), 9, "exclusive");

    let one = erp.get(&format!("/payments/{first}")).await;
    assert_eq!((one["state"].as_str(), one["refunded_fen"].as_u64()), (Some("part_refunded"), Some(300)));
    assert_eq!((one["store"].as_str(), one["kind"].as_str()), (Some("S001"), Some("charge")));
    assert_eq!(one["can"]["void"], false, "the hub moves no money");
    let (status, problem) = erp.ask("GET", "/payments/12345678901234567890", None).await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::NOT_FOUND, Some("not_found")));
    let (status, problem) = erp.ask("GET", "/payments?stat=paid", None).await;
    assert_eq!((status, problem["field"].as_str()), (StatusCode::BAD_REQUEST, Some("stat")));
}

#[tokio::test]
async fn figures_are_the_sums_of_the_facts() {
    let rig = rig();
    two_stores(&rig);
    let erp = program(&rig, Scope::Read);
    let all = erp.get("/stats?date=2026-01-05").await;
    assert_eq!(all["paid"], json!({"count": 9, "sum_fen": 24_001}));
    assert_eq!(all["refunded"], json!({"count": 1, "sum_fen": 300}));
    assert_eq!(all["unknown"], json!({"count": 1, "sum_fen": 9_900}));
    assert_eq!((all["net_fen"].as_i64(), all["stores_total"].as_u64()), (Some(23_701), Some(2)));
    assert_eq!(
        all["by_hour"],
        json!([
        {"hour": 10, "count": 7, "sum_fen": 4_000}, {"hour": 11, "count": 2, "sum_fen": 20_001}])
    );
    let wallets: Vec<&str> =
        all["by_wallet"].as_array().unwrap().iter().map(|w| w["wallet"].as_str().unwrap()).collect();
    assert_eq!(wallets, ["wechat", "alipay", "ecny"]);
    let cashiers: Vec<&str> =
        all["by_cashier"].as_array().unwrap().iter().map(|c| c["cashier"].as_str().unwrap()).collect();
    assert_eq!(cashiers, ["S001/01", "S002/01"]);
    assert_eq!(
        all["by_store"][0],
        json!({"store": "S001", "name": "一号店",
        "paid": {"count": 7, "sum_fen": 4_000}, "refunded": {"count": 1, "sum_fen": 300}})
    );

    let one = erp.get("/stats?date=2026-01-05&store=S002").await;
    assert_eq!((one["paid"]["sum_fen"].as_u64(), one["store"]["name"].as_str()), (Some(20_001), Some("二号店")));
    assert_eq!(one["by_cashier"][0]["name"], "王小明");
    assert_eq!(one["by_store"].as_array().map(Vec::len), Some(1));
    let other_day = erp.get("/stats?date=2026-01-04").await;
    assert_eq!((other_day["paid"]["count"].as_u64(), other_day["net_fen"].as_i64()), (Some(0), Some(0)));
    let (status, _) = erp.ask("GET", "/stats?store=S009", None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn people_sign_in_and_out_and_keys_only_read() {
    let rig = rig();
    let stranger = caller(&rig);
    for path in ["/stores", "/payments", "/stats", "/announcements", "/events", "/sessions/current"] {
        assert_eq!(stranger.ask("GET", path, None).await.0, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(stranger.get("/health").await["status"], "ok");
    rig.admin().await;
    for (account, password) in [("admin", "wrong horse"), ("nobody", "correct horse"), ("总部", "correct horse")] {
        let login = json!({"account": account, "password": password});
        let (status, problem) = stranger.ask("POST", "/sessions", Some(login)).await;
        assert_eq!((status, problem["code"].as_str()), (StatusCode::UNAUTHORIZED, Some("wrong_password")));
    }

    let person = headquarters(&rig).await;
    let session = person.get("/sessions/current").await;
    assert_eq!((session["role"].as_str(), session["name"].as_str()), (Some("headquarters"), Some("总部")));
    assert!(session.get("store").is_none());
    assert_eq!(person.ask("DELETE", "/sessions/current", None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(person.ask("GET", "/stores", None).await.0, StatusCode::UNAUTHORIZED);

    let letter = json!({"title": "通知", "body": "正文"});
    let key = program(&rig, Scope::Read);
    assert_eq!(key.ask("POST", "/announcements", Some(letter)).await.0, StatusCode::FORBIDDEN);
    let poster = program(&rig, Scope::Post);
    assert_eq!(poster.ask("GET", "/payments", None).await.0, StatusCode::FORBIDDEN);
    two_stores(&rig);
    let letter = json!({"title": "通知", "body": "正文"});
    let (status, published) = program(&rig, Scope::Admin).ask("POST", "/announcements", Some(letter)).await;
    assert_eq!((status, published["published_by"].as_str()), (StatusCode::CREATED, Some("admin")), "{published}");
}

#[tokio::test]
async fn stores_show_what_was_heard_of_them() {
    let rig = rig();
    let (one, _, _) = two_stores(&rig);
    rig.sqlite.add_store(&crate::testing::store_id("S003"), "三号店", MORNING).unwrap();
    let list = program(&rig, Scope::Read).get("/stores").await;
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    assert_eq!(
        (items[0]["facts"].as_str(), items[0]["issuer"].as_u64()),
        (Some(&*one.last().to_string()), Some(10_001))
    );
    assert_eq!((items[2]["state"].as_str(), &items[2]["facts"]), (Some("never"), &Value::Null));
    let today = guitai_core::time::beijing_day(crate::clock::wall()).to_string();
    assert_eq!(
        items[2]["today"],
        json!({"date": today, "orders": 0, "income_fen": 0}),
        "until its node says otherwise"
    );
}

#[tokio::test]
async fn what_a_node_wrote_into_its_facts_turns_no_screen_around() {
    let rig = rig();
    let mut node = rig.store("S001", "一号店", 2);
    let order_no = node.doubt(500, 1);
    node.record(Paid {
        order_no,
        at: MORNING,
        received: Fen::new(500),
        wallet: Wallet::Alipay,
        acquirer_no: format!("\u{202e}\u{1b}[31mEVIL\u{7}\n{}", "9".repeat(4_000)),
        wallet_no: Some("\u{0}\u{2066}x".into()),
        finished_at: None,
    });
    node.deliver(&rig);
    let shown = program(&rig, Scope::Read).get(&format!("/payments/{order_no}")).await;
    let number = shown["acquirer_no"].as_str().unwrap();
    assert!(number.starts_with("[31mEVIL 999") && number.chars().count() == 200, "{number}");
    assert_eq!((shown["wallet_no"].as_str(), shown["state"].as_str()), (Some("x"), Some("paid")));
    assert!(!shown.to_string().chars().any(guitai_core::normal::is_hidden));
}

#[tokio::test]
async fn announcements_go_out_and_read_marks_come_back() {
    let rig = rig();
    two_stores(&rig);
    let person = headquarters(&rig).await;
    let everywhere = json!({"title": "盘点", "body": "周日盘点"});
    let (status, item) = person.ask("POST", "/announcements", Some(everywhere)).await;
    assert_eq!((status, item["published_by"].as_str()), (StatusCode::CREATED, Some("admin")));
    assert_eq!(item["stores"].as_array().map(Vec::len), Some(2));
    let id = item["id"].as_str().unwrap();

    let changed = node_reads(&rig, "S001", id);
    assert!(changed, "the read mark is new at the hub");
    let edit = json!({"title": "盘点改期", "withdrawn": false});
    let (status, item) = person.ask("PATCH", &format!("/announcements/{id}"), Some(edit)).await;
    assert_eq!(
        (status, item["title"].as_str(), item["body"].as_str()),
        (StatusCode::OK, Some("盘点改期"), Some("周日盘点"))
    );
    assert_eq!(item["stores"][0], json!({"store": "S001", "name": "一号店", "reads": 1, "read_by": ["01"]}));
    assert_eq!(item["stores"][1]["reads"], 0);

    let one_store = json!({"title": "一号店", "body": "x", "stores": ["S001"]});
    let (_, second) = person.ask("POST", "/announcements", Some(one_store)).await;
    assert_eq!(second["stores"].as_array().map(Vec::len), Some(1));
    assert_eq!(person.get("/announcements").await["items"].as_array().map(Vec::len), Some(2));

    let withdraw = json!({"withdrawn": true});
    let path = format!("/announcements/{id}");
    assert_eq!(person.ask("PATCH", &path, Some(withdraw)).await.1["withdrawn"], true);
    let (status, problem) = person.ask("PATCH", &path, Some(json!({"withdrawn": false}))).await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::CONFLICT, Some("state_forbids")));

    let refused = [
        (json!({"title": "", "body": "x"}), StatusCode::BAD_REQUEST, "title"),
        (json!({"title": "t", "body": "x".repeat(5_000)}), StatusCode::BAD_REQUEST, "body"),
        (json!({"title": "t", "body": "x", "stores": ["S009"]}), StatusCode::UNPROCESSABLE_ENTITY, "stores"),
    ];
    for (body, wanted, field) in refused {
        let (status, problem) = person.ask("POST", "/announcements", Some(body)).await;
        assert_eq!((status, problem["field"].as_str()), (wanted, Some(field)));
    }
    assert_eq!(person.get("/announcements").await["items"].as_array().map(Vec::len), Some(2), "nothing half written");
    assert_eq!(person.ask("PATCH", "/announcements/none", Some(json!({}))).await.0, StatusCode::NOT_FOUND);
}

/// A node's end of the document: takes everything, marks one as read by 01, gives it back. Whether the hub then changed.
fn node_reads(rig: &Rig, store: &str, id: &str) -> bool {
    let store = crate::testing::store_id(store);
    let (mut document, mut node) = (Document::open(&[], [9; 16]).unwrap(), PeerSync::new());
    let hub = PeerState::default();
    let exchange = |document: &mut Document, node: &mut PeerSync| {
        let mut changed = false;
        let mut from_hub = rig.sqlite.speak(&store, &hub).unwrap().messages;
        loop {
            for (_, message) in from_hub.drain(..) {
                receive(document, node, &message).unwrap();
                document.take_changes();
            }
            let Some(message) = generate(document, node) else { return changed };
            let turn = rig.sqlite.hear(&store, &hub, (&announcements_id(&store), &message)).unwrap();
            changed |= turn.changed;
            from_hub = turn.messages;
        }
    };
    exchange(&mut document, &mut node);
    let account = guitai_core::ids::AccountId::parse("01").unwrap();
    document.mark_read(id, &account, MORNING).unwrap();
    document.take_changes();
    exchange(&mut document, &mut node)
}

#[tokio::test]
async fn a_peer_may_write_its_own_document_only() {
    let rig = rig();
    two_stores(&rig);
    let other = announcements_id(&crate::testing::store_id("S002"));
    let refused = rig.sqlite.hear(&crate::testing::store_id("S001"), &PeerState::default(), (&other, b""));
    assert!(matches!(refused, Err(crate::store::letters::MessageError::Peer(_))));
}

#[tokio::test]
async fn listeners_hear_of_payments() {
    let rig = rig();
    let mut node = rig.store("S001", "一号店", 2);
    node.deliver(&rig);
    let erp = program(&rig, Scope::Read);
    let response = erp.send("GET", "/events", None).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut stream = response.into_body();
    let sale = node.sale(1_234, Wallet::Wechat, 1);
    for batch in node.batches() {
        let changed = rig.sqlite.ingest((&node.store, node.issuer), batch, &crate::store::Fence::default()).unwrap();
        rig.app.announce(&node.store, changed);
    }
    let mut text = String::new();
    while !text.contains("event: store") {
        let frame = stream.frame().await.unwrap().unwrap();
        text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
    }
    assert!(
        text.contains("event: payment") && text.contains(sale.as_str()) && text.contains("\"store\":\"S001\""),
        "{text}"
    );
    rig.stop.send(true).unwrap();
    assert!(stream.frame().await.is_none(), "a stopping hub ends its streams");
}

#[tokio::test]
async fn an_account_set_anew_ends_its_sessions() {
    let rig = rig();
    let person = headquarters(&rig).await;
    api::sessions::look(&rig.app).await;
    assert_eq!(person.ask("GET", "/sessions/current", None).await.0, StatusCode::OK, "nothing changed");
    // `guitai-hub account create` beside the running hub: the same name, another password.
    rig.admin().await;
    api::sessions::look(&rig.app).await;
    assert_eq!(person.ask("GET", "/sessions/current", None).await.0, StatusCode::UNAUTHORIZED);

    // Whoever signs in by the new password first ends the sessions of the old one, before anybody looks.
    let before = headquarters(&rig).await;
    let after = headquarters(&rig).await;
    assert_eq!(before.ask("GET", "/sessions/current", None).await.0, StatusCode::UNAUTHORIZED);
    api::sessions::look(&rig.app).await;
    assert_eq!(after.ask("GET", "/sessions/current", None).await.0, StatusCode::OK);
}

#[test]
fn who_may_ask_is_what_was_decided() {
    let on_file = include_str!("../../../docs/access/hub.txt");
    assert_eq!(on_file, api::who_may(), "run scripts/openapi and read the change twice");
}

#[test]
fn the_pages_are_built_against_this_description() {
    let on_file = include_str!("../../../shared/web/api/openapi/hub.json");
    assert!(on_file == api::document(), "run scripts/openapi");
}

#[test]
fn announcements_are_described_with_the_documents_own_limits() {
    let document: Value = serde_json::from_str(&api::document()).unwrap();
    let members = &document["components"]["schemas"]["NewAnnouncement"]["properties"];
    assert_eq!(members["title"]["maxLength"], guitai_documents::limits::TITLE_MAX_CHARS);
    assert_eq!(members["body"]["maxLength"], guitai_documents::limits::BODY_MAX_CHARS);
}
