//! What follows from committed facts: each by a reader of its own with a cursor of its own. All of it may be late, none of it
//! holds a payment up, and nothing of it is lost with the process. A new one is a file beside these and a line below.

mod following;
mod pages;
mod receipts;
mod sessions;

use std::sync::Arc;

use crate::{app::App, tasks::Tasks};

pub(crate) use following::Source;
pub(crate) use receipts::NAME as RECEIPTS;

/// Starts all of them.
///
/// # Errors
/// A cursor cannot be read.
pub(crate) fn start(app: &Arc<App>, source: &Source, tasks: &mut Tasks) -> anyhow::Result<()> {
    tasks.keep(receipts::NAME, receipts::follow(Arc::clone(app), source.resume(receipts::NAME)?));
    tasks.keep(pages::NAME, pages::follow(Arc::clone(app), source.at_end(pages::NAME)?));
    tasks.keep(sessions::NAME, sessions::follow(Arc::clone(app), source.at_end(sessions::NAME)?));
    Ok(())
}
