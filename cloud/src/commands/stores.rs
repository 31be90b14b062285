//! Stores and their nodes: added, renamed, closed, let in, disabled, replaced; and where nodes find the hub.

use guitai_console::{self as console, is_terminal};
use guitai_core::{
    limits::HUB_ADDRESS_MAX_BYTES,
    time::{UtcMs, format_beijing},
    trust::{key_short, key_text},
};

use super::{Failure, PROGRAM, open, say, shown_name, store_id};
use crate::{
    cli::{ConfigFile, NodeCommand, StoreCommand},
    clock,
    store::roster::{BoxLine, NoCode, NotAdded, NotChanged, StoreLine},
};

/// `store …`.
pub(super) fn store(command: StoreCommand) -> Result<(), Failure> {
    match command {
        StoreCommand::Add { config, store, name } => add(&config, &store, &name),
        StoreCommand::List(config) => list(&config),
        StoreCommand::Rename { config, store, name } => rename(&config, &store, &name),
        StoreCommand::Close { config, store } => close(&config, &store),
        StoreCommand::Reopen { config, store } => reopen(&config, &store),
    }
}

/// `node …`.
pub(super) fn node(command: NodeCommand) -> Result<(), Failure> {
    match command {
        NodeCommand::List { config, store } => list_nodes(&config, store.as_deref()),
        NodeCommand::Revoke { config, store, key } => revoke(&config, &store, key),
        NodeCommand::Replace { config, store } => enrol(&config, &store, None),
    }
}

/// Prints one code; on standard error, what its use will disable, and for a person at a terminal the code as a picture. With a name the
/// store is added first, if it is not there.
pub(super) fn enrol(file: &ConfigFile, store: &str, name: Option<&str>) -> Result<(), Failure> {
    let store = store_id(store)?;
    let name = name.map(shown_name).transpose()?;
    let (config, sqlite, _) = open(file)?;
    if let Some(name) = name {
        match sqlite.add_store(&store, &name, clock::wall()) {
            Ok(_) | Err(NotAdded::Exists) => {}
            Err(NotAdded::Store(error)) => return Err(Failure::failed(error)),
        }
    }
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).map_err(Failure::failed)?;
    let line = sqlite.may_enter(&store).map_err(|why| no_code(store.as_str(), why))?;
    if let Some(present) = line.in_force() {
        let facts = facts(&line);
        note(&format!(
            "此码一经使用，门店 {store} 现有节点 {0} 即停用（总部已有其记录到 {facts}） / once this code is used, the \
             present node {0} of store {store} is disabled (facts held up to {facts})",
            key_short(&present.key)
        ));
    }
    let code = sqlite.code(&nonce).text();
    // Shown before it is kept: a code that nobody saw would let nobody in.
    say(&code)?;
    if is_terminal() {
        console::qr(&code).iter().flatten().for_each(|line| console::draw(line));
    }
    let life_ms = i64::from(config.enrol.code_minutes) * 60_000;
    let expires_at = UtcMs(clock::wall().0.saturating_add(life_ms));
    let kept = sqlite.new_code(&store, nonce, expires_at);
    kept.map(drop).map_err(|why| no_code(store.as_str(), why).void())
}

fn no_code(store: &str, why: NoCode) -> Failure {
    match why {
        NoCode::UnknownStore => unknown(store),
        NoCode::Closed => Failure::failed(format!("门店 {store} 已关闭 store {store} is closed: no node can enter")),
        NoCode::Store(error) => Failure::failed(error),
    }
}

/// Shows or sets where nodes find the hub.
pub(super) fn address(file: &ConfigFile, host: Option<&str>, clear: bool) -> Result<(), Failure> {
    let checked = host.map(host_port).transpose()?;
    let (_, sqlite, _) = open(file)?;
    if let Some(address) = checked.or(clear.then_some("")) {
        sqlite.set_address(address).map_err(Failure::failed)?;
    }
    let address = sqlite.address().map_err(Failure::failed)?;
    say(address.as_deref().unwrap_or("-"))
}

fn add(file: &ConfigFile, store: &str, name: &str) -> Result<(), Failure> {
    let store = store_id(store)?;
    let name = shown_name(name)?;
    let (_, sqlite, _) = open(file)?;
    sqlite.add_store(&store, &name, clock::wall()).map_err(|why| match why {
        NotAdded::Exists => Failure::failed(format!("门店已存在 store {store} exists")),
        NotAdded::Store(error) => Failure::failed(error),
    })?;
    say(&format!("{store}\t{name}"))
}

fn list(file: &ConfigFile) -> Result<(), Failure> {
    let (_, sqlite, _) = open(file)?;
    for line in sqlite.stores().map_err(Failure::failed)? {
        let (issuer, key) = line
            .in_force()
            .map_or(("-".to_owned(), "-".to_owned()), |one| (one.issuer.get().to_string(), key_text(&one.key)));
        let state = if line.closed_at.is_some() { "closed" } else { "open" };
        say(&format!("{}\t{issuer}\t{}\t{}\t{key}\t{state}", line.id, line.name, facts(&line)))?;
        if line.undigested > 0 {
            note(&format!(
                "门店 {0} 有 {1} 条记录本版本读不懂或发号不明，未计入账目：请升级总部程序，再执行 guitai-hub rebuild / store {0}: {1} \
                 facts that this version cannot read, or under no number of the store, are held but counted nowhere: update \
                 this program, then run guitai-hub rebuild",
                line.id, line.undigested
            ));
        }
    }
    Ok(())
}

fn rename(file: &ConfigFile, store: &str, name: &str) -> Result<(), Failure> {
    let store = store_id(store)?;
    let name = shown_name(name)?;
    let (_, sqlite, _) = open(file)?;
    sqlite.rename_store(&store, &name).map_err(|why| not_changed(store.as_str(), why))?;
    say(&format!("{store}\t{name}"))
}

fn close(file: &ConfigFile, store: &str) -> Result<(), Failure> {
    let store = store_id(store)?;
    let (_, sqlite, _) = open(file)?;
    let disabled = sqlite.close_store(&store, clock::wall()).map_err(|why| not_changed(store.as_str(), why))?;
    match disabled {
        None => say(&format!("{store}\tclosed")),
        Some(one) => say(&format!("{store}\tclosed\t{}", box_words(&one))),
    }
}

fn reopen(file: &ConfigFile, store: &str) -> Result<(), Failure> {
    let store = store_id(store)?;
    let (_, sqlite, _) = open(file)?;
    sqlite.reopen_store(&store).map_err(|why| not_changed(store.as_str(), why))?;
    note(&format!(
        "门店 {store} 已重新开放，请打印登记码，在原节点上执行 guitai-node enrol / store {store} is open again: print a code with `guitai-hub \
         enrol --store {store}` and run `guitai-node enrol` on its box, whose journal goes on"
    ));
    say(&format!("{store}\topen"))
}

fn list_nodes(file: &ConfigFile, store: Option<&str>) -> Result<(), Failure> {
    let only = store.map(store_id).transpose()?;
    let (_, sqlite, _) = open(file)?;
    let lines = sqlite.stores().map_err(Failure::failed)?;
    if let Some(store) = &only
        && !lines.iter().any(|line| line.id == *store)
    {
        return Err(unknown(store.as_str()));
    }
    for line in lines.iter().filter(|line| only.as_ref().is_none_or(|store| line.id == *store)) {
        for one in &line.boxes {
            say(&format!("{}\t{}", line.id, box_words(one)))?;
        }
    }
    Ok(())
}

fn revoke(file: &ConfigFile, store: &str, key: Option<String>) -> Result<(), Failure> {
    let store = store_id(store)?;
    let key = key.map(|text| key_start(&text)).transpose()?;
    let (_, sqlite, _) = open(file)?;
    let one = sqlite.revoke(&store, key.as_deref(), clock::wall()).map_err(|why| not_changed(store.as_str(), why))?;
    say(&format!("{store}\t{}", box_words(&one)))?;
    note(
        "该机再联系总部时即停止收款；请在收单机构更换密钥 / it stops charging when it next reaches the hub; change the \
         merchant's keys at the acquirer",
    );
    Ok(())
}

/// Key, issuer, let in at, state, and of one that ended since when and with what last fact.
fn box_words(one: &BoxLine) -> String {
    let start = format!("{}\t{}\t{}", key_short(&one.key), one.issuer.get(), format_beijing(one.granted_at));
    match one.ended {
        None => format!("{start}\tin_force"),
        Some(ended) => {
            let last = ended.last.map_or_else(|| "-".to_owned(), |no| no.to_string());
            format!("{start}\t{}\t{}\t{last}", ended.why.as_str(), format_beijing(ended.at))
        }
    }
}

fn facts(line: &StoreLine) -> String {
    line.facts.map_or_else(|| "-".to_owned(), |no| no.to_string())
}

/// A key's first digits as people copy them: groups and capitals do not count.
fn key_start(text: &str) -> Result<String, Failure> {
    let digits: String = text.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect();
    let fine = (4..=64).contains(&digits.len()) && digits.bytes().all(|c| c.is_ascii_hexdigit());
    if fine { Ok(digits) } else { Err(Failure::usage("--key: 4 to 64 hexadecimal digits, as `node list` shows them")) }
}

fn host_port(text: &str) -> Result<&str, Failure> {
    let parts = text.rsplit_once(':').filter(|(host, port)| {
        let plain = !host.is_empty() && host.bytes().all(|c| c.is_ascii_graphic() && c != b'/');
        plain && port.parse::<u16>().is_ok_and(|port| port != 0)
    });
    match parts {
        Some(_) if text.len() <= HUB_ADDRESS_MAX_BYTES => Ok(text),
        Some(_) | None => Err(Failure::usage("--host: write host:port without http://, such as hub.example.com:8443")),
    }
}

fn not_changed(store: &str, why: NotChanged) -> Failure {
    match why {
        NotChanged::UnknownStore => unknown(store),
        NotChanged::NoBox => Failure::failed(format!(
            "门店 {store} 没有这个在用节点 store {store} has no such node in force; see `guitai-hub node list`"
        )),
        NotChanged::Closed => Failure::failed(format!("门店 {store} 已关闭 store {store} is closed already")),
        NotChanged::Open => Failure::failed(format!("门店 {store} 没有关闭 store {store} is not closed")),
        NotChanged::Store(error) => Failure::failed(error),
    }
}

fn unknown(store: &str) -> Failure {
    Failure::failed(format!("没有这个门店 no store {store}; add it with `guitai-hub store add`, or give its --name"))
}

/// For people, beside what programs read on standard output.
fn note(line: &str) {
    console::note(PROGRAM, line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_addresses_are_taken_as_people_write_them() {
        assert_eq!(key_start("AB12-cd34").unwrap(), "ab12cd34");
        assert!(key_start("xyz1").is_err() && key_start("ab1").is_err() && key_start("").is_err());
        for good in ["hub:8443", "10.0.0.1:1", "[::1]:8443", "hub.example.com:65535"] {
            assert_eq!(host_port(good).unwrap(), good);
        }
        for bad in ["hub", "http://hub:8443", "hub:0", "hub:65536", ":8443", "hub:", "总部:8443", ""] {
            assert!(host_port(bad).is_err(), "{bad:?}");
        }
        assert!(host_port(&format!("{}:1", "h".repeat(HUB_ADDRESS_MAX_BYTES))).is_err());
    }
}
