//! Accounts of headquarters and keys of programs: made, listed, let in no more.

use guitai_console as console;
use guitai_core::{ids::AccountId, limits::NAME_MAX_CHARS, normal, secret::SecretText};
use guitai_http::{
    bearer::{self, ApiKey, Scope, Scopes},
    password::{self, Passwords},
    session::{Person, Role},
};

use super::{Failure, bad_name, open, say, shown_name};
use crate::{
    api,
    cli::{AccountCommand, ApiKeyCommand, ConfigFile, HubRole, HubScope},
    clock,
    store::people::NotAdmitted,
};

/// Longest name of an API key.
const KEY_NAME_MAX_CHARS: usize = NAME_MAX_CHARS;

/// `api-key …`.
pub(super) fn api_key(command: ApiKeyCommand) -> Result<(), Failure> {
    match command {
        ApiKeyCommand::Create { config, name, scope } => create_key(&config, &name, &scope),
        ApiKeyCommand::List(config) => {
            let (_, sqlite, _) = open(&config)?;
            let keys = sqlite.keys().map_err(Failure::failed)?;
            keys.into_iter().try_for_each(|key| say(&api::people::key(key).to_text()))
        }
        ApiKeyCommand::Revoke { config, name } => revoke_key(&config, &name),
    }
}

/// `account …`.
pub(super) fn account(command: AccountCommand) -> Result<(), Failure> {
    match command {
        AccountCommand::Create { config, account, name, role } => create_account(&config, &account, &name, role),
        AccountCommand::List(config) => {
            let (_, sqlite, _) = open(&config)?;
            let accounts = sqlite.accounts().map_err(Failure::failed)?;
            let mut accounts = accounts.into_iter();
            accounts.try_for_each(|(person, disabled)| say(&api::people::account(person, disabled).to_text()))
        }
        AccountCommand::Disable { config, account } => admit(&config, &account, true),
        AccountCommand::Enable { config, account } => admit(&config, &account, false),
    }
}

fn create_key(file: &ConfigFile, name: &str, scopes: &[HubScope]) -> Result<(), Failure> {
    let scopes = scopes.iter().fold(Scopes::default(), |scopes, scope| {
        scopes.with(match scope {
            HubScope::Read => Scope::Read,
            HubScope::Admin => Scope::Admin,
        })
    });
    let name = normal::name(name, KEY_NAME_MAX_CHARS).map_err(bad_name)?;
    if scopes.contains(Scope::Admin) {
        // What it publishes is signed with its name.
        AccountId::parse(&name).map_err(|error| Failure::usage(format!("--name: {error}")))?;
    }
    let (_, sqlite, _) = open(file)?;
    let made = bearer::new_key().map_err(Failure::failed)?;
    let key = ApiKey { name, scopes, hash: made.hash };
    let exists = || Failure::failed(format!("密钥名已存在 a key named {} exists (key_exists)", key.name));
    if sqlite.has_key_named(&key.name).map_err(Failure::failed)? {
        return Err(exists());
    }
    // Shown before it is kept: a key whose text was lost would have to be found and taken out again.
    say(made.text.expose())?;
    match sqlite.add_key(&key, clock::wall()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(exists().void()),
        Err(error) => Err(Failure::failed(error).void()),
    }
}

fn create_account(file: &ConfigFile, account: &str, name: &str, role: HubRole) -> Result<(), Failure> {
    let account = account_id(account)?;
    let name = shown_name(name)?;
    let role = match role {
        HubRole::Headquarters => Role::Headquarters,
    };
    let (_, sqlite, _) = open(file)?;
    let password = SecretText::new(console::new_password().map_err(Failure::usage)?);
    password::check_policy(password.expose()).map_err(Failure::usage)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(Failure::failed)?;
    let verifier = runtime.block_on(Passwords::new().hash(password));
    let verifier = verifier.map_err(Failure::failed)?;
    let person = Person { account, name, role };
    sqlite.set_account(&person, &verifier, clock::wall()).map_err(Failure::failed)
}

fn revoke_key(file: &ConfigFile, name: &str) -> Result<(), Failure> {
    let (_, sqlite, _) = open(file)?;
    if !sqlite.revoke_key(name, clock::wall()).map_err(Failure::failed)? {
        return Err(Failure::failed(format!("没有叫 {name:?} 的有效密钥 no good key is named {name:?} (not_found)")));
    }
    let keys = sqlite.keys().map_err(Failure::failed)?;
    let gone = keys.into_iter().filter(|key| key.name == name).max_by_key(|key| key.revoked_at);
    gone.map_or(Ok(()), |key| say(&api::people::key(key).to_text()))
}

fn admit(file: &ConfigFile, account: &str, disabled: bool) -> Result<(), Failure> {
    let account = account_id(account)?;
    let (_, sqlite, _) = open(file)?;
    let person = sqlite.admit(&account, disabled, clock::wall()).map_err(|why| match why {
        NotAdmitted::Unknown => Failure::failed(format!("没有账号 {account} there is no account {account} (not_found)")),
        NotAdmitted::Last => Failure::failed(format!(
            "{account} 是最后一个能登录的账号，先新建或启用另一个 / {account} is the last account that may log in: make or \
             enable another one first (last_administrator)"
        )),
        NotAdmitted::Store(error) => Failure::failed(error),
    })?;
    say(&api::people::account(person, disabled).to_text())
}

fn account_id(account: &str) -> Result<AccountId, Failure> {
    AccountId::parse(&normal::typed(account)).map_err(|error| Failure::usage(format!("--account: {error}")))
}
