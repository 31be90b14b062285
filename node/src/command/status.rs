//! `guitai-node status`: one screen, or one JSON document.

use std::path::Path;

use anyhow::Context;
use guitai_console::say;
use guitai_core::{
    clock::Deviation,
    ids::FactNo,
    sync::frame::Verdict,
    trust::{self, Bar},
};
use guitai_http::dto;
use guitai_store::{bills, follower, query};

use crate::{
    config::Config,
    data_folder::{DataFolder, Enrolment},
    followers, membership, mend, sync,
};

pub(super) fn status(config: &Path, json: bool) -> anyhow::Result<()> {
    let config = Config::load(config)?;
    let folder = DataFolder::open(&config.data)?;
    let enrolment = folder.enrolled()?;
    let running = folder.try_lock()?.is_none();
    let kept = folder.papers()?;
    let hub_key = trust::parse_key(&enrolment.hub_key).context("the enrolment's hub key is damaged")?.to_bytes();
    let bar = membership::kept_bar(&kept, &hub_key);
    let key = trust::key_short(&folder.identity()?.verifying_key().to_bytes());
    let acked = sync::start(&folder.side()?)?.acked;
    // A damaged journal keeps nobody from reading the rest.
    let journal = read(&folder, &enrolment, acked);
    let (last, unsent, open) = match &journal {
        Ok(Journal { last, unsent, open }) => (*last, Some(*unsent), Some(*open)),
        Err(_) => (None, None, None),
    };
    let receipts = follower::at(&folder.side()?.reader()?, followers::RECEIPTS)?;
    let clock_offset_ms = sync::last_clock_offset(&folder.side()?)?;
    let clock = dto::ClockWord::from(Deviation::of(clock_offset_ms.unwrap_or(0)));
    let shown = |no: Option<FactNo>| no.map_or_else(|| "-".to_owned(), |no| no.to_string());
    let count = |count: Option<u64>| count.map_or_else(|| "读不出 unreadable".to_owned(), |count| count.to_string());
    if json {
        let status = serde_json::json!({
            "store": enrolment.store, "name": enrolment.store_name, "issuer": enrolment.issuer, "running": running,
            "facts": last.map(|no| no.to_string()), "acked": acked.map(|no| no.to_string()), "unsent": unsent,
            "open_payments": open, "hub": enrolment.hub_url, "hub_moved_to": kept.moved, "hub_word": kept.hub_word,
            "bar": bar.map(Bar::as_str), "key": key, "version": env!("CARGO_PKG_VERSION"),
            "clock_offset_ms": clock_offset_ms, "clock": clock, "receipts": receipts.map(|no| no.to_string()),
        });
        say(&status.to_string())?;
        return journal.map(drop);
    }
    let mut lines = Vec::new();
    let mut line = |text: String| lines.push(text);
    line(format!("门店 store      {} {}", enrolment.store, enrolment.store_name));
    line(format!("运行 running    {}", if running { "是 yes" } else { "否 no" }));
    line(format!("事实 facts      {}", if journal.is_ok() { shown(last) } else { count(None) }));
    line(format!("未完 open       {}", count(open)));
    line(format!("密钥 key        {key} （发号 issuer {}）", enrolment.issuer));
    let moved = kept.moved.as_ref().map_or_else(String::new, |moved| format!(" → {moved}"));
    line(format!("总部 hub        {}{moved}", enrolment.hub_url));
    if let Some(bar) = bar {
        let (zh, en) = membership::bar_words(bar);
        line(format!("停用 barred     {zh}\n                {en}"));
    } else if kept.hub_word.as_deref() == Some(Verdict::Unknown.as_str()) {
        let (zh, en) = membership::verdict_words(Verdict::Unknown);
        line(format!("警告 alarm      {zh}\n                {en}"));
    }
    line(format!("已确认 acked    {} （未上传 unsent {}）", shown(acked), count(unsent)));
    line(format!("小票 receipts   {} （已处理到 done up to）", shown(receipts)));
    line(format!("时钟 clock      {}", clock_words(clock_offset_ms)));
    line(format!("版本 version    {}", env!("CARGO_PKG_VERSION")));
    say(&lines.join("\n"))?;
    journal.map(drop)
}

/// What the journal tells.
struct Journal {
    last: Option<FactNo>,
    unsent: u64,
    open: u64,
}

fn read(folder: &DataFolder, enrolment: &Enrolment, acked: Option<FactNo>) -> anyhow::Result<Journal> {
    let read = || -> anyhow::Result<Journal> {
        let (connection, id) = (folder.journal()?.reader()?, enrolment.journal()?);
        let none = FactNo { epoch: 1, number: 0 };
        let last = query::last_fact(&connection, &id)?;
        let (unsent, _) = query::unsent(&connection, &id, acked.unwrap_or(none))?;
        Ok(Journal { last, unsent, open: bills::open_count(&connection)? })
    };
    read().map_err(mend::explained)
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
