//! Accounts and keys taken back.

use guitai_core::people::ApiKeyCreated;
use guitai_store::{query::ApiKeyRow, refold};
use guitai_till::Admit;

use super::*;

fn account(account: &str, role: Role) -> AccountSet {
    AccountSet {
        account: AccountId::parse(account).expect("a name"),
        name: Some("张三".into()),
        role,
        verifier: Some(format!("$argon2id${account}").into()),
        disabled: false,
        by: None,
        at: UtcMs(0),
    }
}

fn key(name: &str, seed: u8) -> ApiKeyCreated {
    ApiKeyCreated { name: name.into(), scopes: "read".into(), hash: [seed; 32], at: UtcMs(0) }
}

type Said = Arc<Mutex<Option<Result<(), NotAccepted>>>>;

impl Counter {
    fn done(&mut self, command: impl FnOnce(guitai_till::Done) -> Command) -> Result<(), NotAccepted> {
        let said = Said::default();
        let done = Arc::clone(&said);
        self.handle(command(Box::new(move |answer| *done.lock().expect("no panic") = Some(answer))));
        self.commit();
        said.lock().expect("no panic").take().expect("an answer")
    }

    fn admit(&mut self, account: &str, disabled: bool) -> Result<(), NotAccepted> {
        let account = AccountId::parse(account).expect("a name");
        self.done(|done| Command::Admit(Admit { account, disabled, by: None }, done))
    }

    fn last(&self) -> Option<FactNo> {
        let database = Database::open(&self.folder.path().join("journal.db")).expect("a database");
        let journal = JournalId::node(StoreId::parse("S001").expect("a name"));
        query::last_fact(&database.reader().expect("a reader"), &journal).expect("read")
    }

    /// The same counter with one fact more, written while it did not run.
    fn written(self, fact: &Fact) -> Self {
        self.restart_as(|mut setup| {
            setup.journal.append(fact).expect("written");
            setup.journal.commit().expect("committed");
            setup
        })
    }

    fn rows(&self) -> (Vec<query::AccountRow>, Vec<ApiKeyRow>) {
        let database = Database::open(&self.folder.path().join("journal.db")).expect("a database");
        let connection = database.reader().expect("a reader");
        let (accounts, keys) = (query::accounts(&connection, "S001"), query::api_keys(&connection, "S001"));
        (accounts.expect("read"), keys.expect("read"))
    }
}

#[test]
fn somebody_disabled_comes_back_with_the_same_password_and_one_administrator_stays() {
    let mut counter = Counter::open();
    counter.done(|done| Command::SetAccount(account("01", Role::Administrator), done)).expect("set");
    counter.done(|done| Command::SetAccount(account("03", Role::Cashier), done)).expect("set");
    assert_eq!(counter.admit("01", true), Err(NotAccepted::LastAdministrator));
    assert_eq!(counter.admit("09", true), Err(NotAccepted::NotFound));
    let facts = counter.last();
    assert_eq!(counter.admit("03", false), Ok(()));
    assert_eq!(counter.last(), facts, "who may log in already needs no fact");
    counter.admit("03", true).expect("disabled");
    counter.done(|done| Command::SetAccount(account("02", Role::Administrator), done)).expect("set");
    counter.admit("01", true).expect("there is another one");
    assert_eq!(counter.admit("02", true), Err(NotAccepted::LastAdministrator));
    let before = counter.rows().0;
    assert_eq!(before.iter().map(|row| row.disabled).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(before[2].verifier, "$argon2id$03");
    counter.admit("03", false).expect("enabled");
    let after = counter.rows().0;
    assert_eq!(
        (after[2].disabled, after[2].verifier.as_str(), after[2].name.as_str()),
        (false, "$argon2id$03", "张三")
    );
}

#[test]
fn all_keys_of_a_name_go_and_another_fold_of_the_facts_says_the_same() {
    let mut counter = Counter::open();
    counter.done(|done| Command::CreateApiKey(key("erp", 1), done)).expect("made");
    assert_eq!(counter.done(|done| Command::CreateApiKey(key("erp", 2), done)), Err(NotAccepted::KeyExists));
    // As a version before wrote them: two under one name.
    let mut counter = counter.written(&key("erp", 2).into());
    counter.done(|done| Command::CreateApiKey(key("pos", 3), done)).expect("made");
    let by = AccountId::parse("01").ok();
    let revoke = |name: &str| {
        let (name, by) = (name.to_owned(), by.clone());
        move |done| Command::RevokeApiKeys(name, by, done)
    };
    assert_eq!(counter.done(revoke("none")), Err(NotAccepted::NotFound));
    counter.done(revoke("erp")).expect("revoked");
    assert_eq!(counter.done(revoke("erp")), Err(NotAccepted::NotFound), "they are gone");
    let good = |counter: &Counter| {
        let keys = counter.rows().1;
        keys.iter()
            .filter(|key| key.revoked_at.is_none())
            .map(|key| (key.name.clone(), key.hash[0]))
            .collect::<Vec<_>>()
    };
    assert_eq!(good(&counter), [("pos".to_owned(), 3)]);
    counter.done(|done| Command::CreateApiKey(key("erp", 4), done)).expect("the name is free");
    let live = format!("{:?}", counter.rows());
    let Counter { folder, engine, .. } = counter;
    drop(engine);
    let database = Database::open(&folder.path().join("journal.db")).expect("a database");
    let done = refold::refold(&mut database.writer().expect("a writer"), &|_, _| Ok(None)).expect("folded");
    assert_eq!(done.undigested, 0);
    let connection = database.reader().expect("a reader");
    let rows =
        (query::accounts(&connection, "S001").expect("read"), query::api_keys(&connection, "S001").expect("read"));
    assert_eq!(format!("{rows:?}"), live);
    for (seed, there) in [(1, false), (2, false), (3, true), (4, true)] {
        assert_eq!(query::api_key(&connection, &[seed; 32]).expect("read").is_some(), there, "{seed}");
    }
}
