//! The journal as it lies on disk: printed, checked, read anew into rows.

use std::path::Path;

use guitai_console::say;
use guitai_core::{ids::FactNo, journal::fact::Fact, trust};
use guitai_store::{
    Database, Journal, ingest,
    journal::{self, BranchFact},
    record, refold,
};

use super::facts;
use crate::{clock, config::Config, data_folder::DataFolder, mend, usage::Usage};

pub(super) fn print(config: &Path, from: Option<&str>) -> anyhow::Result<()> {
    let config = Config::load(config)?;
    let folder = DataFolder::open(&config.data)?;
    let journal = folder.enrolled()?.journal()?;
    let connection = folder.journal()?.reader()?;
    let mut next = match from {
        None => FactNo { epoch: 1, number: 1 },
        Some(text) => FactNo::parse(text).ok_or_else(|| Usage("--from: write epoch-number, such as 1-1".into()))?,
    };
    while let Some(found) = ingest::load(&connection, &journal, next, guitai_core::limits::CHUNK_MAX_BYTES)? {
        next = found.first;
        for body in &found.bodies {
            let place = serde_json::json!({ "fact": next.to_string() });
            say(&facts::line(place, &record::read(&connection, &journal, next, body)?))?;
            next.number += 1;
        }
    }
    Ok(())
}

/// What was answered before a fork healed names a fact by its number in the branch.
pub(super) fn print_branches(config: &Path) -> anyhow::Result<()> {
    let config = Config::load(config)?;
    let folder = DataFolder::open(&config.data)?;
    let journal = folder.enrolled()?.journal()?;
    for BranchFact { branch, no, body } in journal::branch_facts(&folder.journal()?.reader()?, &journal)? {
        let place = serde_json::json!({ "branch": trust::key_text(&branch), "fact": no.to_string() });
        say(&facts::line(place, &Fact::from_bytes(&body)))?;
    }
    Ok(())
}

pub(super) fn verify(config: &Path) -> anyhow::Result<()> {
    let config = Config::load(config)?;
    let folder = DataFolder::open(&config.data)?;
    let journal = folder.enrolled()?.journal()?;
    let connection = folder.journal()?.reader()?;
    let (last, seals) =
        journal::verify(&connection, &journal, &folder.identity()?.verifying_key(), &[]).map_err(mend::failure)?;
    journal::check_rows(&connection).map_err(mend::failure)?;
    Ok(say(&format!("ok: facts up to {last}, {seals} seals"))?)
}

pub(super) fn rebuild(config: &Path) -> anyhow::Result<()> {
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
            Ok(say(&format!("ok: {found}; made anew, the old file is kept as {}", aside.display()))?)
        }
        Ok(()) | Err(_) => {
            let done = refold::refold(&mut connection, &|_, _| Ok(None))?;
            Ok(say(&format!("ok: {} facts, {} undigested", done.facts, done.undigested))?)
        }
    }
}
