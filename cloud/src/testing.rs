//! A hub on a temporary folder, and a store's side of it: a real journal whose runs are delivered by hand or over a line.

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{AccountId, FactNo, Issuer, JournalId, Numbering, OrderNo, StoreId, TillId, Writer},
    journal::{epoch::Point, fact::Fact},
    money::Fen,
    payment::{Doubted, Intended, Paid, Place, RefundIntended, Refunded},
    people::{AccountSet, Approval, Idempotency, Role},
    secret::{CodeTrace, Wallet},
    sync::{
        contract::{EnrolRequest, Papers},
        frame::{EnrolRefusal, Enrolled},
        journal_lane::Batch,
    },
    time::{BusinessClock, UtcMs, beijing_day},
    trust::{Channel, EnrolmentCode},
};
use guitai_http::session::{Person, Role as HttpRole};
use guitai_store::{Database, Journal, ingest};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::{
    app::App,
    store::{Fence, HubStore, Sqlite},
};

/// 2026-01-05 10:11:12 in Beijing.
pub(crate) const MORNING: UtcMs = UtcMs(1_767_579_072_000);

/// Bytes of a run in tests: small, so that there are several.
const RUN_BYTES: usize = 2 * 1024;

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub(crate) fn store_id(text: &str) -> StoreId {
    StoreId::parse(text).unwrap()
}

/// A hub.
pub(crate) struct Rig {
    pub(crate) app: Arc<App>,
    pub(crate) sqlite: Arc<Sqlite>,
    pub(crate) data: TempDir,
    pub(crate) stop: watch::Sender<bool>,
}

pub(crate) fn rig() -> Rig {
    let data = tempfile::tempdir().unwrap();
    let sqlite = Arc::new(Sqlite::open(data.path(), key(1), [1; 16]).unwrap());
    let (stop, stopped) = watch::channel(false);
    let app = App::new(HubStore::Sqlite(Arc::clone(&sqlite)), key(1), stopped);
    Rig { app, sqlite, data, stop }
}

impl Rig {
    /// Adds a store and enrols a node for it.
    pub(crate) fn store(&self, id: &str, name: &str, seed: u8) -> NodeSide {
        self.sqlite.add_store(&store_id(id), name, MORNING).unwrap();
        let (code, _) = self.sqlite.new_code(&store_id(id), [seed; 32], UtcMs(MORNING.0 + 600_000)).unwrap();
        let enrolled = self.enrol(&code, seed, MORNING).unwrap();
        NodeSide::new(id, enrolled.grant.issuer, seed)
    }

    /// What a node with this key gets for a code at a time.
    pub(crate) fn enrol(&self, code: &EnrolmentCode, seed: u8, now: UtcMs) -> Result<Enrolled, EnrolRefusal> {
        self.enrol_showing(code, seed, Papers::default(), now)
    }

    /// What one that was let in before gets.
    pub(crate) fn enrol_showing(
        &self,
        code: &EnrolmentCode,
        seed: u8,
        papers: Papers,
        now: UtcMs,
    ) -> Result<Enrolled, EnrolRefusal> {
        let channel = Channel {
            node_key: key(seed).verifying_key().to_bytes(),
            hub_key: key(1).verifying_key().to_bytes(),
            exporter: [7; 32],
        };
        let request = EnrolRequest {
            channel,
            code_id: code.id(),
            proof: code.proof(&channel),
            app_version: "test".into(),
            papers,
        };
        self.sqlite.enrol(&request, now).unwrap().map(|welcome| welcome.enrolled)
    }

    /// Makes headquarters' account `admin`, password `correct horse`.
    pub(crate) async fn admin(&self) {
        let password = guitai_core::secret::SecretText::new("correct horse".into());
        let verifier = self.app.log_ins.passwords.hash(password).await.unwrap();
        let account = AccountId::parse("admin").unwrap();
        let person = Person { account, name: "总部".into(), role: HttpRole::Headquarters };
        self.sqlite.set_account(&person, &verifier, MORNING).unwrap();
    }
}

/// A store's side.
pub(crate) struct NodeSide {
    pub(crate) store: StoreId,
    pub(crate) issuer: Issuer,
    pub(crate) identity: SigningKey,
    pub(crate) database: Database,
    journal: Journal,
    numbering: Numbering,
    next: FactNo,
    data: TempDir,
}

impl NodeSide {
    pub(crate) fn new(id: &str, issuer: Issuer, seed: u8) -> Self {
        Self::after(id, issuer, seed, None)
    }

    /// A box that begins where an earlier one's delivered facts end.
    pub(crate) fn after(id: &str, issuer: Issuer, seed: u8, held: Option<Point>) -> Self {
        let data = tempfile::tempdir().unwrap();
        let database = Database::open(&data.path().join("node.db")).unwrap();
        let (store, identity) = (store_id(id), key(seed));
        let next = FactNo { epoch: held.as_ref().map_or(1, |held| held.no.epoch + 1), number: 1 };
        let id = JournalId::node(store.clone());
        let mut journal = Journal::open(&database, id, issuer, identity.clone(), held, MORNING).unwrap();
        journal.append(&account("01", "王小明")).unwrap();
        journal.commit().unwrap();
        let numbering = Numbering::resume(issuer, None);
        Self { store, issuer, identity, database, journal, numbering, next, data }
    }

    /// A paid charge of the day's `minute`.
    pub(crate) fn sale(&mut self, fen: u64, wallet: Wallet, minute: i64) -> OrderNo {
        let (order_no, at) = self.intent(fen, wallet, minute);
        self.record(Paid {
            order_no,
            at,
            received: Fen::new(fen),
            wallet,
            acquirer_no: format!("A{order_no}"),
            wallet_no: None,
            finished_at: Some(at),
        });
        order_no
    }

    /// A charge nobody knows the end of.
    pub(crate) fn doubt(&mut self, fen: u64, minute: i64) -> OrderNo {
        let (order_no, at) = self.intent(fen, Wallet::Alipay, minute);
        self.record(Doubted { order_no, at, detail: Some("超时".into()) });
        order_no
    }

    /// Gives a part of a sale back.
    pub(crate) fn refund(&mut self, order_no: OrderNo, fen: u64, left: u64, minute: i64) -> OrderNo {
        let at = minute_of(minute);
        let refund_no = self.numbering.next(at);
        let amount = Fen::new(fen);
        let approver = Some(AccountId::parse("02").unwrap());
        let approval = Approval { by: "person:01".into(), approver, idempotency: request(refund_no) };
        self.record(RefundIntended {
            order_no,
            at,
            refund_no,
            amount,
            place: place(at),
            approval: Some(approval),
            reason: Some("退货".into()),
        });
        self.record(Refunded {
            order_no,
            at,
            refund_no,
            amount,
            refunded: amount,
            left: Fen::new(left),
            acquirer_no: "R1".into(),
        });
        refund_no
    }

    fn intent(&mut self, fen: u64, wallet: Wallet, minute: i64) -> (OrderNo, UtcMs) {
        let at = minute_of(minute);
        let order_no = self.numbering.next(at);
        let amount = Fen::new(fen);
        self.record(Intended {
            order_no,
            at,
            amount,
            code: CodeTrace { wallet, last_two: "88".into(), hash: order_no.as_str()[..12].parse().unwrap() },
            acquirer: "allinpay".into(),
            termno: "T0001".into(),
            place: place(at),
            bill: None,
            remark: None,
            idempotency: request(order_no),
            clock_doubted: false,
            acquirer_day: Some(beijing_day(at)),
        });
        (order_no, at)
    }

    pub(crate) fn record(&mut self, fact: impl Into<Fact>) {
        self.journal.append(&fact.into()).unwrap();
        self.journal.commit().unwrap();
    }

    /// Its file.
    pub(crate) fn file(&self) -> std::path::PathBuf {
        self.data.path().join("node.db")
    }

    /// The last fact.
    pub(crate) fn last(&self) -> FactNo {
        self.journal.last()
    }

    /// What was not delivered yet, as the core's session hands it to the hub.
    pub(crate) fn batches(&mut self) -> Vec<Batch> {
        let mut batches = Vec::new();
        while let Some(run) = ingest::load(self.journal.connection(), self.journal.id(), self.next, RUN_BYTES).unwrap()
        {
            self.next.number = run.seal.no.number + 1;
            batches.push(Batch {
                writer: Writer::Node,
                token: 1,
                first: run.first,
                bodies: run.bodies,
                seal: run.seal,
                records: run.records,
            });
        }
        batches
    }

    /// Everything is to be delivered anew, to another hub.
    pub(crate) const fn again(&mut self) {
        self.next = FactNo { epoch: 1, number: 1 };
    }

    /// Delivers everything to a hub.
    pub(crate) fn deliver(&mut self, rig: &Rig) {
        for batch in self.batches() {
            rig.sqlite.ingest((&self.store, self.issuer), batch, &Fence::default()).unwrap();
        }
    }
}

fn account(account: &str, name: &str) -> Fact {
    Fact::from(AccountSet {
        account: AccountId::parse(account).unwrap(),
        name: Some(name.into()),
        role: Role::Cashier,
        verifier: Some("$argon2id$none".into()),
        disabled: false,
        by: None,
        at: MORNING,
    })
}

fn minute_of(minute: i64) -> UtcMs {
    UtcMs(MORNING.0 + minute * 60_000)
}

fn place(at: UtcMs) -> Place {
    let clock = BusinessClock::beijing();
    Place {
        business_day: clock.day(at),
        hour: clock.hour(at),
        till: TillId::parse("T1").unwrap(),
        cashier: AccountId::parse("01").unwrap(),
    }
}

fn request(no: OrderNo) -> Idempotency {
    Idempotency { caller: "person:01".into(), key: format!("key-{no}"), body_hash: [3; 32] }
}
