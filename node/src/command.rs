//! The command line. Exit codes: 0 ok, 1 failed, 2 usage, 3 integrity (doctor has its own).

mod access;
mod arguments;
mod diagnose;
mod facts;
mod journal;
mod status;

use std::{path::Path, process::ExitCode};

use anyhow::{Context, bail};
use guitai_console::{self as console, Report, Unsaid, note, say};
use guitai_core::{ids::AccountId, journal::fact::Fact, secret::SecretText};
use guitai_http::{
    bearer::{Scopes, new_key},
    log,
    password::{Passwords, check_policy},
};
use guitai_store::{Journal, StoreError, query};
use guitai_till::NotAccepted;

use crate::{
    clock,
    config::{self, Config},
    control::{self, Request, Wish},
    data_folder::DataFolder,
    doctor,
    enrol::{self, TakenIn},
    mend::{self, Damaged},
    refusal, run,
    sample::{self, Extent},
    sync,
    usage::Usage,
};

use arguments::{AccountVerb, ApiKeyVerb, Cli, ConfigVerb, Verb};

const PROGRAM: &str = "guitai-node";

const EXIT_FAILED: u8 = 1;
/// As clap's own.
const EXIT_USAGE: u8 = 2;
const EXIT_INTEGRITY: u8 = 3;

pub(crate) fn main() -> ExitCode {
    let cli: Cli = match console::arguments(PROGRAM) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        note(PROGRAM, "another TLS provider is installed");
        return ExitCode::from(EXIT_FAILED);
    }
    dispatch(cli.verb).unwrap_or_else(|error| match error.downcast_ref::<Unsaid>() {
        Some(unsaid) => unsaid.exit(PROGRAM),
        None => {
            note(PROGRAM, &format!("{error:#}"));
            ExitCode::from(exit_code(&error))
        }
    })
}

fn exit_code(error: &anyhow::Error) -> u8 {
    let is_damage = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<Damaged>() || cause.downcast_ref::<StoreError>().is_some_and(StoreError::is_damage)
    };
    if error.chain().any(is_damage) {
        EXIT_INTEGRITY
    } else if error.downcast_ref::<Usage>().is_some() {
        EXIT_USAGE
    } else {
        EXIT_FAILED
    }
}

fn dispatch(verb: Verb) -> anyhow::Result<ExitCode> {
    let done = |result: anyhow::Result<()>| result.map(|()| ExitCode::SUCCESS);
    match verb {
        Verb::Run(at) => {
            let config = Config::load(&at.config)?;
            // A key that is none is said before anything is taken.
            config.acquirer()?;
            log::start(&config.log)?;
            let ran = runtime()?.block_on(run::run(config));
            log::finish();
            done(ran)
        }
        Verb::Enrol { at, hub, code } => done(enrol(&at.config, &hub, &code)),
        Verb::Readdress { at, hub } => done(readdress(&at.config, &hub)),
        Verb::Status { at, json } => done(status::status(&at.config, json)),
        Verb::Doctor { lang, list: true, .. } => {
            let mut out = Report::default();
            doctor::list(&mut out, lang)?;
            done(out.end().map_err(Into::into))
        }
        Verb::Doctor { at, json, lang, only, full, share, no_color, list: false } => {
            let form = match (json, share) {
                (true, _) => doctor::Form::Json,
                (false, true) => doctor::Form::Share,
                (false, false) => doctor::Form::Lines,
            };
            let color = !no_color && !json && console::is_terminal();
            let Ok(runtime) = runtime() else { return Ok(ExitCode::from(doctor::EXIT_COULD_NOT_RUN)) };
            let code = diagnose::run(&at.config, &doctor::Options { form, lang, only, full, color }, &runtime);
            // A name look-up or a look at the disk may hang on its thread; the report is out, so nothing waits for them.
            std::process::exit(code.into())
        }
        Verb::Journal { at, branches: true, .. } => done(journal::print_branches(&at.config)),
        Verb::Journal { at, from, .. } => done(journal::print(&at.config, from.as_deref())),
        Verb::Verify(at) => done(journal::verify(&at.config)),
        Verb::Rebuild(at) => done(journal::rebuild(&at.config)),
        Verb::ApiKey { verb: ApiKeyVerb::Create { at, name, scope } } => done(api_key(&at.config, name, &scope)),
        Verb::ApiKey { verb: ApiKeyVerb::List(at) } => done(access::keys(&at.config)),
        Verb::ApiKey { verb: ApiKeyVerb::Revoke { at, name } } => done(access::revoke(&at.config, &name)),
        Verb::Account { verb: AccountVerb::List(at) } => done(access::accounts(&at.config)),
        Verb::Account { verb: AccountVerb::Disable { at, account } } => done(access::admit(&at.config, account, true)),
        Verb::Account { verb: AccountVerb::Enable { at, account } } => done(access::admit(&at.config, account, false)),
        Verb::Account { verb: AccountVerb::Create { at, account, name, role } } => {
            done(account_create(&at.config, account, name, role))
        }
        Verb::Config { verb: ConfigVerb::Example } => print(config::EXAMPLE),
        Verb::Config { verb: ConfigVerb::Check(at) } => check(&at.config),
        Verb::Sample { at, sandbox, cashiers, days, payments } => {
            let config = Config::load(&at.config)?;
            let account =
                |name: &String| AccountId::parse(name).map_err(|error| Usage(format!("--cashiers {name}: {error}")));
            let cashiers = cashiers.iter().map(account).collect::<Result<Vec<_>, _>>()?;
            let requests = sample::write(&config, &sandbox, &cashiers, &Extent { days, payments })?;
            done(say(&format!("{requests} requests")).map_err(Into::into))
        }
        Verb::Openapi { access: true } => print(&crate::api::who_may()),
        Verb::Openapi { access: false } => print(&crate::api::document()),
    }
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    console::print(text)?;
    Ok(ExitCode::SUCCESS)
}

/// Says all that is wrong with a configuration, one thing a line.
fn check(config: &Path) -> anyhow::Result<ExitCode> {
    let wrong = config::check(config);
    for words in &wrong {
        note(PROGRAM, words);
    }
    if !wrong.is_empty() {
        return Ok(ExitCode::from(EXIT_USAGE));
    }
    say(&format!("{}: 配置可用 ok", config.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")
}

fn enrol(config: &Path, hub: &str, code: &str) -> anyhow::Result<()> {
    let config = Config::load(config)?;
    let folder = DataFolder::open(&config.data)?;
    let _lock = folder.lock()?;
    let before = folder.enrolment()?;
    let identity = folder.identity()?;
    let TakenIn { enrolment, grant, note: told } =
        runtime()?.block_on(enrol::enrol((hub, code), &identity, folder.papers()?.papers(folder.instance()?)))?;
    if let Some(before) = before.filter(|before| before.store != enrolment.store) {
        bail!(
            "本机数据属于门店 {0}，登记码属于门店 {1}：请为 {1} 另用一个空的数据目录 / this folder holds the journal of store \
             {0} and the code is store {1}'s: give {1} a data folder of its own",
            before.store,
            enrolment.store
        );
    }
    folder.set_enrolment(&enrolment, &grant)?;
    if let Some(words) = told {
        note(PROGRAM, &words);
    }
    let line = format!("store={} name={} issuer={}", enrolment.store, enrolment.store_name, enrolment.issuer);
    Ok(say(&line)?)
}

fn readdress(config: &Path, hub: &str) -> anyhow::Result<()> {
    let config = Config::load(config)?;
    let folder = DataFolder::open(&config.data)?;
    let enrolled = folder.enrolled()?;
    let enrolment = runtime()?.block_on(enrol::readdressed(hub, enrolled))?;
    folder.readdress(&enrolment)?;
    Ok(say(&format!("store={} hub={}", enrolment.store, enrolment.hub_url))?)
}

fn api_key(config: &Path, name: String, scope: &str) -> anyhow::Result<()> {
    let scopes = Scopes::parse(scope)
        .map_err(|unknown| Usage(format!("--scope: {} is none of charge, post, refund, read, admin", unknown.0)))?;
    AccountId::parse(&name).map_err(|error| Usage(format!("--name: {error}")))?;
    let key = new_key().map_err(|_| anyhow::anyhow!("no randomness"))?;
    let hash = key.hash.0.to_vec();
    let request = Request::CreateApiKey { name, scopes: scopes.to_text(), hash };
    record(config, request, Some(key.text.expose()))
}

fn account_create(config: &Path, account: String, name: String, role: String) -> anyhow::Result<()> {
    // What is wrong with the rest is said before anybody types a password.
    let asked = Request::SetAccount {
        account: account.clone(),
        name: name.clone(),
        role: role.clone(),
        verifier: String::new(),
    };
    asked.wish(clock::wall())?;
    let password = console::new_password().map_err(|error| Usage(error.to_string()))?;
    check_policy(&password).map_err(|weak| Usage(weak.to_string()))?;
    let verifier = runtime()?.block_on(Passwords::new().hash(SecretText::new(password)))?;
    record(config, Request::SetAccount { account, name, role, verifier }, None)
}

/// Writes a fact: through the running node, or with its journal where none runs. What is shown once is shown before: a fact whose secret
/// nobody has cannot be taken out again, and a secret without its fact opens nothing.
fn record(config: &Path, request: Request, shown: Option<&str>) -> anyhow::Result<()> {
    let show = || shown.map_or(Ok(()), say);
    let void = |error: anyhow::Error| if shown.is_some() { error.context(NOT_RECORDED) } else { error };
    let config = Config::load(config)?;
    let folder = DataFolder::open(&config.data)?;
    let Some(_lock) = folder.try_lock()? else {
        // What is wrong with it is said here, not by a node that cannot tell whose fault it is.
        if let Wish::ApiKey(key) = request.clone().wish(clock::wall())?
            && query::api_keys(&folder.journal()?.reader()?, &folder.enrolled()?.store)?
                .iter()
                .any(|other| other.revoked_at.is_none() && other.name == key.name)
        {
            bail!("{}", refusal::words(NotAccepted::KeyExists));
        }
        show()?;
        return control::ask(&folder.control_socket(), &request).map_err(void);
    };
    mend::side(&folder)?;
    let (enrolment, identity) = (folder.enrolled()?, folder.identity()?);
    let last_offset_ms = sync::last_clock_offset(&folder.side()?)?;
    let (id, issuer, begun) = (enrolment.journal()?, enrolment.issuer()?, clock::trusted(None, last_offset_ms));
    let (_, mut journal) = mend::journal(&folder, &identity, |database| {
        Journal::open(database, id.clone(), issuer, identity.clone(), enrolment.after(), begun)
    })?;
    let now = clock::trusted(journal.last_at()?, last_offset_ms);
    let facts = match request.wish(now)? {
        Wish::ApiKey(key) => guitai_till::people::may_be_made(&journal, &key)?.map(|()| vec![Fact::from(key)]),
        Wish::Account(account) => {
            guitai_till::people::may_be_set(&journal, &account)?.map(|()| vec![Fact::from(account)])
        }
        Wish::Admit(admit) => guitai_till::people::admitted(&journal, &admit, now)?,
        Wish::Revocation(name) => guitai_till::people::revoked(&journal, &name, None, now)?,
    };
    let facts = facts.map_err(|refusal| anyhow::anyhow!("{}", refusal::words(refusal)))?;
    show()?;
    let written = facts.iter().try_for_each(|fact| journal.append(fact).map(drop)).and_then(|()| journal.commit());
    written.map(drop).map_err(|error| void(error.into()))
}

/// What was shown before this has no worth.
const NOT_RECORDED: &str = "没有记下，刚才显示的作废 / not recorded, what was shown is void";
