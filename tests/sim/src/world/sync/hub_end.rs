//! The hub's end of a connection: its roster, its file.

use guitai_core::{
    ids::Writer,
    sync::{
        contract::{Authorisation, Output},
        frame::{ByeReason, Word},
        journal_lane::Batch,
    },
};

use crate::{
    mutant::Mutant,
    oracle::Violation,
    situation::Situation,
    world::{Event, World},
};

impl World {
    pub(super) fn hub_does(&mut self, number: u64, output: Output) -> Result<(), Violation> {
        let (now, now_ms) = (self.now(), self.now_ms());
        let (Some(connection), Some(hub)) = (self.connections.get_mut(&number), self.hub.life.as_ref()) else {
            return Ok(());
        };
        match output {
            Output::Send(frame) => self.send(number, false, frame.to_wire()),
            Output::Authorise(claim) => {
                let admitted = hub.admit(&claim, (now, hub.up(now_ms)));
                let (answer, word, seated) = admitted.unwrap_or_else(|_| (Authorisation::Later, Word::default(), None));
                connection.seated = seated;
                connection.hub.session.tell_time(now);
                connection.hub.session.authorised(hub.up(now_ms), answer, word);
                if connection.seated.is_some() {
                    connection.hub.session.documents_digest([0; 32]);
                }
            }
            Output::Opened { .. } => connection.hub.reader.hello_accepted(),
            Output::Load { writer, from, max_bytes } => {
                let store = connection.seated.as_ref().map(|seated| seated.store.clone());
                let loaded = match (writer, store) {
                    (Writer::Node, Some(store)) => hub.sqlite.load(&store, from, max_bytes),
                    _ => Ok(None),
                };
                match loaded {
                    Ok(loaded) => connection.hub.session.loaded(writer, loaded),
                    Err(_) => connection.hub.session.hang_up(ByeReason::OwnFault),
                }
            }
            Output::HeadAt(no) => connection.hub.session.head_at(no, None),
            Output::Recall { known, seal } => {
                let store = connection.seated.as_ref().map(|seated| seated.store.clone());
                let recalled = store.map(|store| hub.sqlite.recall(&store, &known, seal.as_ref()));
                match recalled {
                    Some(Ok((from, head, _))) => connection.hub.session.give_back(from, head),
                    _ => connection.hub.session.hang_up(ByeReason::OwnFault),
                }
            }
            Output::Persist(batch) => return self.hub_takes(number, batch),
            Output::Hangup(_) => {
                connection.hub.closed = true;
                let at_ms = connection.node.arrives_ms.max(connection.hub.arrives_ms).max(now_ms) + 1;
                self.schedule(at_ms, Event::Gone { connection: number });
            }
            Output::Acked(_)
            | Output::PeerStatus(_)
            | Output::PeerTime { .. }
            | Output::SyncDocuments
            | Output::Document { .. }
            | Output::Told { .. }
            | Output::Enrol(_)
            | Output::Enrolled(_)
            | Output::Forked(_) => {}
        }
        Ok(())
    }

    fn hub_takes(&mut self, number: u64, batch: Batch) -> Result<(), Violation> {
        let now_ms = self.now_ms();
        let (Some(connection), Some(hub)) = (self.connections.get_mut(&number), self.hub.life.as_ref()) else {
            return Ok(());
        };
        let Some(seated) = &connection.seated else { return Ok(()) };
        let (token, last) = (batch.token, batch.seal.no);
        let counter = connection.counter;
        hub.lines.touch(&seated.store, &seated.fence, hub.up(now_ms));
        if self.mutant == Some(Mutant::AcknowledgesFirst) {
            connection.hub.session.persisted(token);
            return Ok(());
        }
        match hub.sqlite.ingest((&seated.store, seated.issuer), batch, &seated.fence) {
            Ok(_) => {
                connection.hub.session.persisted(token);
                self.tell(format_args!("the hub has {} up to {last}", self.counters[counter].name.clone()));
                self.mark(Situation::HubTook);
            }
            Err(refused) => {
                connection.hub.session.hang_up(ByeReason::OwnFault);
                self.tell(format_args!("the hub does not take {last}: {refused}"));
            }
        }
        Ok(())
    }
}
