//! The command line. Exit codes: 0 ok, 1 failed, 2 usage, 3 integrity (doctor has its own).

mod access;
mod arguments;
mod diagnose;
mod facts;

use std::{
    io::{BufRead, IsTerminal},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::Parser;
use guitai_core::{
    clock::Deviation,
    ids::{AccountId, FactNo},
    journal::fact::Fact,
    secret::SecretText,
    sync::frame::Verdict,
    trust::{self, Bar},
};
use guitai_http::{
    bearer::{Scopes, new_key},
    dto, log,
    password::{Passwords, check_policy},
};
use guitai_store::{
    Database, Journal, StoreError, bills, follower, ingest,
    journal::{self, BranchFact},
    query, record, refold,
};

use crate::{
    clock,
    config::{self, Config},
    control::{self, Request, Wish},
    data_folder::{DataFolder, Enrolment},
    doctor, followers, membership,
    mend::{self, Damaged},
    refusal, run,
    sample::{self, Extent},
    sync,
    usage::Usage,
};

use arguments::{AccountVerb, ApiKeyVerb, Cli, ConfigVerb, Verb};

const EXIT_FAILED: u8 = 1;
/// As clap's own.
const EXIT_USAGE: u8 = 2;
const EXIT_INTEGRITY: u8 = 3;

pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("guitai-node: another TLS provider is installed");
        return ExitCode::from(EXIT_FAILED);
    }
    match dispatch(cli.verb) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("guitai-node: {error:#}");
            ExitCode::from(exit_code(&error))
        }
    }
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
            log::start(&config.log)?;
            let ran = runtime()?.block_on(run::run(config));
            log::finish();
            done(ran)
        }
        Verb::Enrol { at, hub, code } => done(enrol(&at.config, &hub, &code)),
        Verb::Readdress { at, hub } => done(readdress(&at.config, &hub)),
        Verb::Status { at, json } => done(status(&at.config, json)),
        Verb::Doctor { lang, list: true, .. } => Ok(match doctor::list(&mut std::io::stdout(), lang) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(doctor::EXIT_COULD_NOT_RUN),
        }),
        Verb::Doctor { at, json, lang, only, full, share, no_color, list: false } => {
            let form = match (json, share) {
                (true, _) => doctor::Form::Json,
                (false, true) => doctor::Form::Share,
                (false, false) => doctor::Form::Lines,
            };
            let color = !no_color && !json && std::io::stdout().is_terminal();
            let Ok(runtime) = runtime() else { return Ok(ExitCode::from(doctor::EXIT_COULD_NOT_RUN)) };
            let code = diagnose::run(&at.config, &doctor::Options { form, lang, only, full, color }, &runtime);
            // A name look-up or a look at the disk may hang on its thread; the report is out, so nothing waits for them.
            std::process::exit(code.into())
        }
        Verb::Journal { at, branches: true, .. } => done(print_branches(&at.config)),
        Verb::Journal { at, from, .. } => done(print_journal(&at.config, from.as_deref())),
        Verb::Verify(at) => done(verify(&at.config)),
        Verb::Rebuild(at) => done(rebuild(&at.config)),
        Verb::ApiKey { verb: ApiKeyVerb::Create { at, name, scope } } => done(api_key(&at.config, name, &scope)),
        Verb::ApiKey { verb: ApiKeyVerb::List(at) } => done(access::keys(&at.config)),
        Verb::ApiKey { verb: ApiKeyVerb::Revoke { at, name } } => done(access::revoke(&at.config, &name)),
        Verb::Account { verb: AccountVerb::List(at) } => done(access::accounts(&at.config)),
        Verb::Account { verb: AccountVerb::Disable { at, account } } => done(access::admit(&at.config, account, true)),
        Verb::Account { verb: AccountVerb::Enable { at, account } } => done(access::admit(&at.config, account, false)),
        Verb::Account { verb: AccountVerb::Create { at, account, name, role } } => {
            done(account_create(&at.config, account, name, role))
        }
        Verb::Config { verb: ConfigVerb::Example } => {
            print!("{}", config::EXAMPLE);
            Ok(ExitCode::SUCCESS)
        }
        Verb::Sample { at, sandbox, cashiers, days, payments } => {
            let config = Config::load(&at.config)?;
            let account =
                |name: &String| AccountId::parse(name).map_err(|error| Usage(format!("--cashiers {name}: {error:?}")));
            let cashiers = cashiers.iter().map(account).collect::<Result<Vec<_>, _>>()?;
            let requests = sample::write(&config, &sandbox, &cashiers, &Extent { days, payments })?;
            println!("{requests} requests");
            Ok(ExitCode::SUCCESS)
        }
        Verb::Openapi { access: true } => {
            print!("{}", crate::api::who_may());
            Ok(ExitCode::SUCCESS)
        }
        Verb::Openapi { access: false } => {
            print!("{}", crate::api::document());
            Ok(ExitCode::SUCCESS)
        }
    }
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
    let (enrolment, grant) =
        runtime()?.block_on(sync::enrol((hub, code), &identity, folder.papers()?.papers(folder.instance()?)))?;
    if let Some(before) = before.filter(|before| before.store != enrolment.store) {
        bail!(
            "本机数据属于门店 {0}，登记码属于门店 {1}：请为 {1} 另用一个空的数据目录 / this folder holds the journal of store \
             {0} and the code is store {1}'s: give {1} a data folder of its own",
            before.store,
            enrolment.store
        );
    }
    folder.set_enrolment(&enrolment, &grant)?;
    println!("store={} name={} issuer={}", enrolment.store, enrolment.store_name, enrolment.issuer);
    Ok(())
}

fn readdress(config: &Path, hub: &str) -> anyhow::Result<()> {
    let config = Config::load(config)?;
    let folder = DataFolder::open(&config.data)?;
    let enrolment = Enrolment {
        hub_address: sync::host_port(hub)?,
        hub_url: hub.trim_end_matches('/').to_owned(),
        ..folder.enrolled()?
    };
    folder.readdress(&enrolment)?;
    println!("store={} hub={}", enrolment.store, enrolment.hub_url);
    Ok(())
}

fn status(config: &Path, json: bool) -> anyhow::Result<()> {
    let config = Config::load(config)?;
    let folder = DataFolder::open(&config.data)?;
    let enrolment = folder.enrolled()?;
    let running = folder.try_lock()?.is_none();
    let kept = folder.papers()?;
    let hub_key = trust::parse_key(&enrolment.hub_key).context("the enrolment's hub key is damaged")?.to_bytes();
    let bar = membership::kept_bar(&kept, &hub_key);
    let key = trust::key_short(&folder.identity()?.verifying_key().to_bytes());
    let connection = folder.journal()?.reader()?;
    let acked = sync::start(&folder.side()?)?.acked;
    let last = query::last_fact(&connection, &enrolment.journal()?)?;
    let none = FactNo { epoch: 1, number: 0 };
    let (unsent, _) = query::unsent(&connection, &enrolment.journal()?, acked.unwrap_or(none))?;
    let open = bills::open_count(&connection)?;
    let receipts = follower::at(&folder.side()?.reader()?, followers::RECEIPTS)?;
    let clock_offset_ms = sync::last_clock_offset(&folder.side()?)?;
    let clock = dto::ClockWord::from(Deviation::of(clock_offset_ms.unwrap_or(0)));
    let shown = |no: Option<FactNo>| no.map_or_else(|| "-".to_owned(), |no| no.to_string());
    if json {
        let status = serde_json::json!({
            "store": enrolment.store, "name": enrolment.store_name, "issuer": enrolment.issuer, "running": running,
            "facts": last.map(|no| no.to_string()), "acked": acked.map(|no| no.to_string()), "unsent": unsent,
            "open_payments": open, "hub": enrolment.hub_url, "hub_moved_to": kept.moved, "hub_word": kept.hub_word,
            "bar": bar.map(Bar::as_str), "key": key, "version": env!("CARGO_PKG_VERSION"),
            "clock_offset_ms": clock_offset_ms, "clock": clock, "receipts": receipts.map(|no| no.to_string()),
        });
        println!("{status}");
        return Ok(());
    }
    println!("门店 store      {} {}", enrolment.store, enrolment.store_name);
    println!("运行 running    {}", if running { "是 yes" } else { "否 no" });
    println!("事实 facts      {}", shown(last));
    println!("未完 open       {open}");
    println!("密钥 key        {key} （发号 issuer {}）", enrolment.issuer);
    let moved = kept.moved.as_ref().map_or_else(String::new, |moved| format!(" → {moved}"));
    println!("总部 hub        {}{moved}", enrolment.hub_url);
    if let Some(bar) = bar {
        let (zh, en) = membership::bar_words(bar);
        println!("停用 barred     {zh}\n                {en}");
    } else if kept.hub_word.as_deref() == Some(Verdict::Unknown.as_str()) {
        let (zh, en) = membership::verdict_words(Verdict::Unknown);
        println!("警告 alarm      {zh}\n                {en}");
    }
    println!("已确认 acked    {} （未上传 unsent {unsent}）", shown(acked));
    println!("小票 receipts   {} （已处理到 done up to）", shown(receipts));
    println!("时钟 clock      {}", clock_words(clock_offset_ms));
    println!("版本 version    {}", env!("CARGO_PKG_VERSION"));
    Ok(())
}

/// How far this machine's clock is off, as the running node last measured it.
fn clock_words(offset_ms: Option<i64>) -> String {
    let Some(offset_ms) = offset_ms else { return "还没校对过 not compared yet".into() };
    let seconds = offset_ms.unsigned_abs() / 1000;
    let (zh, en) = if offset_ms < 0 { ("慢", "behind") } else { ("快", "ahead") };
    match Deviation::of(offset_ms) {
        Deviation::Fine => "准 right".into(),
        Deviation::Shown => format!("{zh}了 {seconds} 秒，请打开自动校时 {seconds} s {en}: switch automatic time on"),
        Deviation::Alarm => format!(
            "{zh}了 {} 分钟，请立即校准系统时间 {} min {en}: set this machine's time now",
            seconds / 60,
            seconds / 60
        ),
    }
}

fn print_journal(config: &Path, from: Option<&str>) -> anyhow::Result<()> {
    let config = Config::load(config)?;
    let folder = DataFolder::open(&config.data)?;
    let journal = folder.enrolled()?.journal()?;
    let connection = folder.journal()?.reader()?;
    let mut next = match from {
        None => FactNo { epoch: 1, number: 1 },
        Some(text) => FactNo::parse(text).ok_or_else(|| Usage("--from: write epoch-number, such as 1-1".into()))?,
    };
    let mut out = std::io::stdout().lock();
    while let Some(found) = ingest::load(&connection, &journal, next, guitai_core::limits::CHUNK_MAX_BYTES)? {
        next = found.first;
        for body in &found.bodies {
            let place = serde_json::json!({ "fact": next.to_string() });
            // A reader that closes its end has seen enough.
            if !facts::write_line(&mut out, place, &record::read(&connection, &journal, next, body)?) {
                return Ok(());
            }
            next.number += 1;
        }
    }
    Ok(())
}

/// What was answered before a fork healed names a fact by its number in the branch.
fn print_branches(config: &Path) -> anyhow::Result<()> {
    let config = Config::load(config)?;
    let folder = DataFolder::open(&config.data)?;
    let journal = folder.enrolled()?.journal()?;
    let mut out = std::io::stdout().lock();
    for BranchFact { branch, no, body } in journal::branch_facts(&folder.journal()?.reader()?, &journal)? {
        let place = serde_json::json!({ "branch": trust::key_text(&branch), "fact": no.to_string() });
        if !facts::write_line(&mut out, place, &Fact::from_bytes(&body)) {
            break;
        }
    }
    Ok(())
}

fn verify(config: &Path) -> anyhow::Result<()> {
    let config = Config::load(config)?;
    let folder = DataFolder::open(&config.data)?;
    let journal = folder.enrolled()?.journal()?;
    let connection = folder.journal()?.reader()?;
    let (last, seals) =
        journal::verify(&connection, &journal, &folder.identity()?.verifying_key(), &[]).map_err(mend::failure)?;
    journal::check_rows(&connection).map_err(mend::failure)?;
    println!("ok: facts up to {last}, {seals} seals");
    Ok(())
}

fn rebuild(config: &Path) -> anyhow::Result<()> {
    let config = Config::load(config)?;
    let folder = DataFolder::open(&config.data)?;
    let _lock = folder.lock()?;
    mend::side(&folder)?;
    let enrolment = folder.enrolled()?;
    let (journal, identity, database) = (enrolment.journal()?, folder.identity()?, folder.journal()?);
    let mut connection = database.writer()?;
    journal::verify(&connection, &journal, &identity.verifying_key(), &[]).map_err(mend::failure)?;
    match journal::check_rows(&connection) {
        Err(found) if found.may_heal() => {
            drop(connection);
            let (issuer, begun) = (enrolment.issuer()?, clock::wall());
            let open = |database: &Database| {
                Journal::open(database, journal.clone(), issuer, identity.clone(), enrolment.after(), begun)
            };
            let aside = mend::made_anew(&database, &open, &identity).map_err(mend::failure)?;
            println!("ok: {found}; made anew, the old file is kept as {}", aside.display());
        }
        Ok(()) | Err(_) => {
            let done = refold::refold(&mut connection, &|_, _| Ok(None))?;
            println!("ok: {} facts, {} undigested", done.facts, done.undigested);
        }
    }
    Ok(())
}

fn api_key(config: &Path, name: String, scope: &str) -> anyhow::Result<()> {
    let scopes = Scopes::parse(scope)
        .map_err(|unknown| Usage(format!("--scope: {} is none of charge, post, refund, read, admin", unknown.0)))?;
    AccountId::parse(&name).map_err(|error| Usage(format!("--name: {error:?}")))?;
    let key = new_key().map_err(|_| anyhow::anyhow!("no randomness"))?;
    let hash = key.hash.0.to_vec();
    record(config, Request::CreateApiKey { name, scopes: scopes.to_text(), hash })?;
    println!("{}", key.text.expose());
    Ok(())
}

fn account_create(config: &Path, account: String, name: String, role: String) -> anyhow::Result<()> {
    let mut password = String::new();
    std::io::stdin().lock().read_line(&mut password)?;
    let password = password.trim_end_matches(['\r', '\n']).to_owned();
    check_policy(&password).map_err(|weak| Usage(format!("the password (first line of standard input): {weak:?}")))?;
    let hashed = runtime()?.block_on(Passwords::new().hash(SecretText::new(password)));
    let verifier = hashed.map_err(|error| anyhow::anyhow!("{error:?}"))?;
    record(config, Request::SetAccount { account, name, role, verifier })
}

/// Writes a fact: through the running node, or with its journal where none runs.
fn record(config: &Path, request: Request) -> anyhow::Result<()> {
    let config = Config::load(config)?;
    let folder = DataFolder::open(&config.data)?;
    let Some(_lock) = folder.try_lock()? else {
        // What is wrong with it is said here, not by a node that cannot tell whose fault it is.
        request.clone().wish(clock::wall())?;
        return control::ask(&folder.control_socket(), &request);
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
        Wish::Account(account) => Ok(vec![Fact::from(account)]),
        Wish::Admit(admit) => guitai_till::people::admitted(&journal, &admit, now)?,
        Wish::Revocation(name) => guitai_till::people::revoked(&journal, &name, None, now)?,
    };
    let facts = facts.map_err(|refusal| anyhow::anyhow!("{}", refusal::words(refusal)))?;
    facts.iter().try_for_each(|fact| journal.append(fact).map(drop))?;
    journal.commit()?;
    Ok(())
}
