//! The node's side of one session: its journal, what it lost, its documents.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use guitai_core::{
    clock::Witness,
    ids::{FactNo, Writer},
    journal::{
        chain::{ChainHash, Seal},
        epoch::Point,
    },
    limits,
    sync::{
        contract::Papers,
        fault::Fork,
        frame::{ByeReason, Status, Verdict, Word},
        journal_lane::{Batch, Loaded},
        lost::{Lost, TooMuch},
    },
    time::{Ticks, UtcMs},
};
use guitai_http::dto::HubLink;
use guitai_link::session::{DocumentTurn, Event, Shell, ShellError};
use guitai_store::{
    ingest::{self, Run},
    note, query,
};
use guitai_till::Command;
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    ACKED_NOTE, Uplink, forked,
    pacing::{self, Counter},
};

/// What the node does for one session.
pub(super) struct NodeShell {
    pub(super) line: Uplink,
    pub(super) news: mpsc::Sender<Event>,
    pub(super) opened: watch::Sender<bool>,
    pub(super) lost: Arc<Mutex<Lost>>,
    pub(super) counter: Counter,
}

impl NodeShell {
    fn lost(&self) -> MutexGuard<'_, Lost> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Uplink) -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, ShellError> {
        let line = self.line.clone();
        let done = tokio::task::spawn_blocking(move || work(&line)).await;
        done.map_err(|error| ShellError(error.to_string()))?.map_err(|error| ShellError(format!("{error:#}")))
    }
}

impl Shell for NodeShell {
    fn papers(&self) -> Papers {
        self.line.membership.papers()
    }

    fn told(&self, verdict: Verdict, word: Word) {
        self.line.membership.told(verdict, word);
    }

    fn opened(&self, peer_version: &str) {
        tracing::info!(hub.version = peer_version, "the hub is connected");
        self.opened.send_replace(true);
        self.line.link(HubLink::Connected);
        self.line.state.send_modify(|state| state.last_error = None);
    }

    async fn load(&self, _: Writer, from: FactNo, max_bytes: usize) -> Result<Option<Loaded>, ShellError> {
        if pacing::is_backlog(from, *self.line.committed.borrow()) {
            self.counter.give_way().await;
        }
        self.blocking(move |line| {
            let max_bytes = max_bytes.min(limits::CHUNK_MAX_BYTES);
            let run = line.reader.read(|connection| ingest::load(connection, &line.journal, from, max_bytes))?;
            Ok(run.map(Loaded::from))
        })
        .await
    }

    async fn head_at(&self, no: FactNo) -> Result<Option<ChainHash>, ShellError> {
        self.blocking(move |line| Ok(line.reader.read(|connection| ingest::head_at(connection, &line.journal, no))?))
            .await
    }

    async fn persist(&self, batch: Batch) -> Result<(), ShellError> {
        if batch.writer != self.line.journal.writer {
            // The hub writes no facts towards stores yet; taking some without keeping them would lose them.
            return Err(ShellError(format!("this version keeps no facts of {} ({})", batch.writer, batch.first)));
        }
        let came = self.lost().came(batch);
        match came {
            Ok(None) => Ok(()),
            Ok(Some(batches)) => {
                let done = self.fill(batches.into_iter().map(Run::from).collect()).await;
                self.lost().taken(done.is_ok());
                done
            }
            Err(TooMuch) => {
                self.line.membership.unfillable();
                Err(too_much())
            }
        }
    }

    async fn forked(&self, fork: Fork) -> Result<(Vec<Point>, Option<Seal>), ShellError> {
        let no = fork.seal.no;
        tracing::warn!(hub.holds = %no, "this journal is not what the hub holds: an older copy was put back");
        self.line.membership.forked();
        self.lost().up_to(no);
        self.line.state.send_modify(|state| {
            state.forked = Some(no);
            state.last_error = Some(forked(no));
        });
        self.blocking(|line| {
            Ok(line.reader.read(|connection| {
                let places = ingest::places(connection, &line.journal)?;
                Ok((places, query::last_seal(connection, &line.journal)?))
            })?)
        })
        .await
    }

    async fn acked(&self, upto: FactNo) -> Result<(), ShellError> {
        self.blocking(move |line| {
            let connection = line.side.lock().unwrap_or_else(PoisonError::into_inner);
            note::set_unsynced(&connection, ACKED_NOTE, upto.to_string().as_bytes())?;
            Ok(())
        })
        .await?;
        self.line.state.send_modify(|state| state.acked = Some(upto));
        self.line.membership.agreed();
        Ok(())
    }

    async fn sync_documents(&self) -> Result<DocumentTurn, ShellError> {
        self.blocking(|line| line.turn()).await
    }

    async fn document(&self, doc: String, bytes: Vec<u8>) -> Result<DocumentTurn, ShellError> {
        self.blocking(move |line| {
            // A document this version does not keep is left alone; the hub holds it.
            if doc == line.announcements.id() {
                line.announcements.receive(&bytes)?;
            }
            line.turn()
        })
        .await
    }

    fn peer_status(&self, _: Status) {}

    fn peer_time(&self, said: UtcMs, round_trip_ms: u64) {
        let asked = Ticks(self.line.till.clock().up().0.saturating_sub(round_trip_ms));
        // Without an engine there is no time to tell.
        let _ = self.line.till.send(Command::TimeTold { said, by: Witness::Hub, asked });
    }
}

impl NodeShell {
    /// Hands what came back to the engine, the journal's only writer, and calls again: the journal then goes on from there.
    async fn fill(&self, runs: Vec<Run>) -> Result<(), ShellError> {
        let (tell, told) = oneshot::channel();
        let done = Box::new(move |filled| {
            // A session that is gone hears of it by its next hello.
            let _ = tell.send(filled);
        });
        let gone = |_| ShellError("the engine has ended".into());
        self.line.till.send(Command::Fill(runs, done)).map_err(|_| gone(()))?;
        let filled = told.await.map_err(|_| gone(()))?.map_err(ShellError)?;
        tracing::warn!(
            taken = filled.taken,
            entered = filled.entered,
            kept = filled.kept,
            "the journal has back what the hub held; what was written since was entered again"
        );
        self.line.state.send_modify(|state| {
            state.forked = None;
            state.last_error = None;
        });
        self.line.membership.agreed();
        // A full channel is a session that ends on its own.
        let _ = self.news.try_send(Event::HangUp(ByeReason::Stopping));
        Ok(())
    }
}

impl Uplink {
    fn turn(&self) -> anyhow::Result<DocumentTurn> {
        let mut messages = Vec::new();
        while let Some(message) = self.announcements.message()? {
            messages.push((self.announcements.id().to_owned(), message));
        }
        Ok(DocumentTurn { digest: self.announcements.digest(), messages })
    }
}

/// What to do where more was lost than comes back.
fn too_much() -> ShellError {
    let mib = limits::RECALL_MAX_BYTES >> 20;
    ShellError(format!(
        "本机丢失的记录超过 {mib} MiB，不能自动取回：请总部给登记码，另用一个空的数据目录执行 guitai-node enrol，旧目录留存 / this journal lost \
         more than {mib} MiB, which is too much to fetch: ask headquarters for a code and enter an empty data folder with \
         guitai-node enrol; keep the old folder"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_much_says_what_to_do() {
        let ShellError(words) = too_much();
        assert!(words.contains("空的数据目录") && words.contains("empty data folder"), "{words}");
    }
}
