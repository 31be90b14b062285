//! What the command line does besides running. Each verb opens the database for itself and works beside a running hub.

mod people;
mod stores;

use std::process::ExitCode;

use ed25519_dalek::SigningKey;
use guitai_console::{self as console, note};
use guitai_core::{
    ids::StoreId,
    normal::{self, TextError},
};
use guitai_store::private;

use crate::{
    api,
    cli::{Cli, Command, ConfigCommand, ConfigFile},
    config::{self, Config},
    failure::{EXIT_USAGE, Failure, PROGRAM},
    identity, run,
    store::Sqlite,
};

/// Longest name of a store or merchant for people.
const SHOWN_NAME_MAX_CHARS: usize = 60;

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
        Command::Enrol { config, store, name } => stores::enrol(&config, &store, name.as_deref())?,
        Command::Verify(config) => return verify(&config),
        Command::Rebuild(config) => rebuild(&config)?,
        Command::ApiKey(command) => people::api_key(command)?,
        Command::Account(command) => people::account(command)?,
        Command::Config(ConfigCommand::Example) => say(config::EXAMPLE.trim_end())?,
        Command::Config(ConfigCommand::Check(file)) => return check(&file),
        Command::Openapi { access: true } => say(api::who_may().trim_end())?,
        Command::Openapi { access: false } => {
            say(api::document().trim_end())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Says all that is wrong with a configuration, one thing a line.
fn check(file: &ConfigFile) -> Result<ExitCode, Failure> {
    let wrong = config::check(&file.path);
    for words in &wrong {
        note(PROGRAM, words);
    }
    if !wrong.is_empty() {
        return Ok(ExitCode::from(EXIT_USAGE));
    }
    say(&format!("{}: 配置可用 ok", file.path.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The configuration, the database and the identity.
fn open(file: &ConfigFile) -> Result<(Config, Sqlite, SigningKey), Failure> {
    let config = Config::load(&file.path).map_err(Failure::failed)?;
    if let Some(words) = config::foreign(&config.hub.data) {
        return Err(Failure::failed(words));
    }
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

fn store_id(text: &str) -> Result<StoreId, Failure> {
    StoreId::parse(text).map_err(|error| Failure::usage(format!("--store: {error}")))
}

fn shown_name(name: &str) -> Result<String, Failure> {
    normal::name(name, SHOWN_NAME_MAX_CHARS).map_err(bad_name)
}

fn bad_name(error: TextError) -> Failure {
    Failure::usage(format!("--name: {error}"))
}

fn say(line: &str) -> Result<(), Failure> {
    Ok(console::say(line)?)
}

#[cfg(test)]
mod tests {
    use guitai_core::{secret::Wallet, trust};
    use rusqlite::Connection;

    use super::*;
    use crate::failure::EXIT_INTEGRITY;
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
