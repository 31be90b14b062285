//! What the command line does besides running. Each verb opens the database for itself and works beside a running hub.

mod stores;

use std::{
    io::{self, BufRead, Write},
    process::ExitCode,
};

use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{AccountId, StoreId},
    limits::NAME_MAX_CHARS,
    normal::{self, TextError},
    secret::SecretText,
};
use guitai_http::{
    bearer::{self, ApiKey, Scope, Scopes},
    password::{self, Passwords, Weak},
    session::{Person, Role},
};

use guitai_store::private;

use crate::{
    api,
    cli::{AccountCommand, ApiKeyCommand, Cli, Command, ConfigCommand, ConfigFile, HubRole, HubScope},
    clock,
    config::{self, Config},
    failure::Failure,
    identity, run,
    store::Sqlite,
};

/// Longest name of a store or merchant for people.
const SHOWN_NAME_MAX_CHARS: usize = 60;

/// Longest name of an API key.
const KEY_NAME_MAX_CHARS: usize = NAME_MAX_CHARS;

/// Does what the command line says.
pub(crate) fn execute(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.command {
        Command::Run(file) => {
            let (config, sqlite, identity) = open(&file)?;
            run::run(config, sqlite, identity)?;
        }
        Command::Merchant { config, name } => merchant(&config, name.as_deref())?,
        Command::Store(command) => stores::store(command)?,
        Command::Node(command) => stores::node(command)?,
        Command::Address { config, host, clear } => stores::address(&config, host.as_deref(), clear)?,
        Command::Enrol { config, store } => stores::enrol(&config, &store)?,
        Command::Verify(config) => return verify(&config),
        Command::Rebuild(config) => rebuild(&config)?,
        Command::ApiKey(ApiKeyCommand::Create { config, name, scope }) => create_key(&config, &name, &scope)?,
        Command::Account(AccountCommand::Create { config, account, name, role }) => {
            create_account(&config, &account, &name, role)?;
        }
        Command::Config(ConfigCommand::Example) => say(config::EXAMPLE.trim_end())?,
        Command::Openapi { access: true } => say(api::who_may().trim_end())?,
        Command::Openapi { access: false } => {
            say(api::document().trim_end())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The configuration, the database and the identity.
fn open(file: &ConfigFile) -> Result<(Config, Sqlite, SigningKey), Failure> {
    let config = Config::load(&file.path).map_err(Failure::failed)?;
    private::folder(&config.hub.data).map_err(Failure::failed)?;
    let identity = identity::load_or_make(&config.hub.data, Sqlite::FILE).map_err(Failure::failed)?;
    let mut actor = [0; 16];
    getrandom::fill(&mut actor).map_err(Failure::failed)?;
    let sqlite = Sqlite::open(&config.hub.data, identity.clone(), actor).map_err(Failure::stored)?;
    Ok((config, sqlite, identity))
}

fn merchant(file: &ConfigFile, name: Option<&str>) -> Result<(), Failure> {
    let (config, sqlite, _) = open(file)?;
    if let Some(name) = name {
        sqlite.set_merchant(&shown_name(name)?).map_err(Failure::failed)?;
    }
    let name = sqlite.merchant().map_err(Failure::failed)?;
    say(&name.unwrap_or(config.hub.name))
}

fn verify(file: &ConfigFile) -> Result<ExitCode, Failure> {
    let (config, sqlite, _) = open(file)?;
    let path = config.hub.data.join(Sqlite::FILE);
    let mut broken = Vec::new();
    for verified in sqlite.verify().map_err(|error| Failure::stored(error.at(&path)))? {
        let store = verified.store;
        match verified.found {
            Ok((last, seals)) => say(&format!("{store}\tok\tfacts {last}\tseals {seals}"))?,
            Err(integrity) => broken.push(format!("{store}: {integrity}")),
        }
    }
    if broken.is_empty()
        && let Some(difference) = sqlite.differs().map_err(|error| Failure::stored(error.at(&path)))?
    {
        broken.push(format!(
            "{difference}. 付款一笔不少，运行 guitai-hub rebuild 按账本重建 / no payment is lost: `guitai-hub rebuild` makes it anew from the facts"
        ));
    }
    if broken.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::integrity(broken.join("\nguitai-hub: ")))
}

fn rebuild(file: &ConfigFile) -> Result<(), Failure> {
    let (_, sqlite, _) = open(file)?;
    let done = sqlite.rebuild().map_err(Failure::stored)?;
    say(&format!("ok\tfacts {}\tundigested {}", done.facts, done.undigested))
}

fn create_key(file: &ConfigFile, name: &str, scopes: &[HubScope]) -> Result<(), Failure> {
    let scopes = scopes.iter().fold(Scopes::default(), |scopes, scope| {
        scopes.with(match scope {
            HubScope::Read => Scope::Read,
            HubScope::Admin => Scope::Admin,
        })
    });
    let name = normal::name(name, KEY_NAME_MAX_CHARS).map_err(bad_name)?;
    if scopes.contains(Scope::Admin) && AccountId::parse(&name).is_err() {
        // What it publishes is signed with its name.
        return Err(Failure::usage(bad_id("--name")));
    }
    let (_, sqlite, _) = open(file)?;
    let made = bearer::new_key().map_err(Failure::failed)?;
    let key = ApiKey { name, scopes };
    if !sqlite.add_key(&key, &made.hash, clock::wall()).map_err(Failure::failed)? {
        return Err(Failure::failed(format!("密钥名已存在 a key named {:?} exists (key_exists)", key.name)));
    }
    say(made.text.expose())
}

fn create_account(file: &ConfigFile, account: &str, name: &str, role: HubRole) -> Result<(), Failure> {
    let account = AccountId::parse(&normal::typed(account)).map_err(|_| Failure::usage(bad_id("--account")))?;
    let name = shown_name(name)?;
    let role = match role {
        HubRole::Headquarters => Role::Headquarters,
    };
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(Failure::failed)?;
    let password = SecretText::new(line.trim_end_matches(['\r', '\n']).to_owned());
    password::check_policy(password.expose()).map_err(|weak| {
        Failure::failed(match weak {
            Weak::TooShort => "密码至少 8 个字符 a password has at least 8 characters",
            Weak::TooLong => "密码最长 256 字节 a password has at most 256 bytes",
            Weak::Common => "这是常见密码 this is a common password, easy to guess",
        })
    })?;
    let (_, sqlite, _) = open(file)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(Failure::failed)?;
    let verifier = runtime.block_on(Passwords::new().hash(password));
    let verifier = verifier.map_err(|error| Failure::failed(format!("无法处理密码 cannot hash: {error:?}")))?;
    let person = Person { account, name, role };
    sqlite.set_account(&person, &verifier, clock::wall()).map_err(Failure::failed)
}

fn store_id(text: &str) -> Result<StoreId, Failure> {
    StoreId::parse(text).map_err(|_| Failure::usage(bad_id("--store")))
}

fn bad_id(option: &str) -> String {
    format!("{option}: allowed 1 to {NAME_MAX_CHARS} letters, digits, - and _")
}

fn shown_name(name: &str) -> Result<String, Failure> {
    normal::name(name, SHOWN_NAME_MAX_CHARS).map_err(bad_name)
}

fn bad_name(error: TextError) -> Failure {
    Failure::usage(format!("--name: {error}"))
}

fn say(line: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(Failure::failed)
}

#[cfg(test)]
mod tests {
    use guitai_core::{secret::Wallet, trust};
    use rusqlite::Connection;

    use super::*;
    use crate::failure::{EXIT_INTEGRITY, EXIT_USAGE};
    use crate::testing::{key, rig};

    #[test]
    fn verify_names_store_and_fact_and_has_its_own_exit_code() {
        let rig = rig();
        for (store, seed) in [("S001", 2), ("S002", 3)] {
            let mut node = rig.store(store, store, seed);
            node.sale(1_000, Wallet::Wechat, 1);
            node.deliver(&rig);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.toml");
        let text = format!("[hub]\nname = \"x\"\ndata = {:?}\nlisten = \"127.0.0.1:1\"\n", rig.data.path());
        std::fs::write(&path, text).unwrap();
        let identity = rig.data.path().join(identity::FILE);
        std::fs::write(&identity, trust::key_text(&key(1).to_bytes())).unwrap();
        std::fs::set_permissions(&identity, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let file = ConfigFile { path };
        assert!(verify(&file).is_ok());
        // Rows that are not what the facts say are another matter.
        let raw = Connection::open(rig.data.path().join("hub.db")).unwrap();
        raw.execute("UPDATE payment SET amount = amount + 1 WHERE store = 'S001'", []).unwrap();
        let failure = verify(&file).unwrap_err();
        assert_eq!(failure.code, EXIT_INTEGRITY);
        assert!(failure.words.contains("table payment") && failure.words.contains("rebuild"), "{}", failure.words);
        rebuild(&file).unwrap();
        assert!(verify(&file).is_ok());
        let raw = Connection::open(rig.data.path().join("hub.db")).unwrap();
        raw.execute("UPDATE fact SET body = CAST(body || x'00' AS BLOB) WHERE store = 'S002' AND number = 3", [])
            .unwrap();
        let failure = verify(&file).unwrap_err();
        assert_eq!(failure.code, EXIT_INTEGRITY);
        assert!(failure.words.contains("S002") && failure.words.contains("1-3"), "{}", failure.words);
        assert!(!failure.words.contains("S001"), "{}", failure.words);
    }

    #[test]
    fn names_for_people_have_bounds() {
        let longest = "店".repeat(SHOWN_NAME_MAX_CHARS);
        assert!(shown_name(" 一号店 ").is_ok_and(|name| name == "一号店"));
        assert!(shown_name(&longest).is_ok());
        for bad in ["", "  ", "a\nb", "店\u{200b}", "\u{202e}店", "\u{1b}[31m店", &format!("{longest}店")] {
            assert_eq!(shown_name(bad).unwrap_err().code, EXIT_USAGE, "{bad:?}");
        }
    }
}
