//! Who may do something here: listed, let in no more, let in again.

use std::path::Path;

use guitai_http::{dto, session::Role};
use guitai_store::query;

use super::record;
use crate::{api, config::Config, control::Request, data_folder::DataFolder};

/// `account list`.
pub(super) fn accounts(config: &Path) -> anyhow::Result<()> {
    let rows = read(config, query::accounts)?;
    let lines = rows.into_iter().filter_map(|row| {
        let role = Role::parse(&row.role)?;
        let (account, name, disabled) = (row.account, row.name, row.disabled);
        Some(dto::Account { account, name, role, phone: None, remark: None, disabled }.to_text())
    });
    say(lines)
}

/// `account disable`, `account enable`.
pub(super) fn admit(config: &Path, account: String, disabled: bool) -> anyhow::Result<()> {
    record(config, Request::Admit { account, disabled }, None)
}

/// `api-key list`.
pub(super) fn keys(config: &Path) -> anyhow::Result<()> {
    say(read(config, query::api_keys)?.into_iter().map(|row| api::keys::line(row).to_text()))
}

/// `api-key revoke`: prints each key that went.
pub(super) fn revoke(config: &Path, name: &str) -> anyhow::Result<()> {
    let good = |keys: Vec<query::ApiKeyRow>| {
        keys.into_iter().filter(|key| key.name == name && key.revoked_at.is_none()).map(|key| key.hash)
    };
    let before: Vec<_> = good(read(config, query::api_keys)?).collect();
    record(config, Request::RevokeApiKeys { name: name.to_owned() }, None)?;
    let gone = read(config, query::api_keys)?.into_iter().filter(|key| before.contains(&key.hash));
    say(gone.map(|row| api::keys::line(row).to_text()))
}

fn read<T>(
    config: &Path,
    work: impl FnOnce(&query::Connection, &str) -> Result<T, guitai_store::StoreError>,
) -> anyhow::Result<T> {
    let config = Config::load(config)?;
    let folder = DataFolder::open(&config.data)?;
    let store = folder.enrolled()?.store()?;
    Ok(work(&folder.journal()?.reader()?, store.as_str())?)
}

fn say(lines: impl Iterator<Item = String>) -> anyhow::Result<()> {
    for line in lines {
        guitai_console::say(&line)?;
    }
    Ok(())
}
