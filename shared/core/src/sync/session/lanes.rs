//! The journal lanes of an open session, and which of them a frame is about.

use crate::{
    ids::{FactNo, Writer},
    sync::{
        contract::{Output, PeerFault},
        journal_lane::{Incoming, Outgoing},
    },
};

/// Both journals of an open session: each end sends its own and receives the other's.
#[derive(Debug)]
pub(super) struct Lanes {
    pub(super) outgoing: Outgoing,
    pub(super) incoming: Incoming,
    pub(super) recall: Recalled,
}

/// A box's own journal on its way back to it, after a fork.
#[derive(Debug)]
pub(super) enum Recalled {
    Nothing,
    /// We are the hub.
    Giving(Outgoing),
    /// We are the box.
    Taking(Incoming),
}

impl Lanes {
    pub(super) fn next_load(&mut self) -> Option<(Writer, FactNo)> {
        let own = self.outgoing.next_load().map(|from| (self.outgoing.writer(), from));
        own.or_else(|| match &mut self.recall {
            Recalled::Giving(giving) => giving.next_load().map(|from| (giving.writer(), from)),
            Recalled::Nothing | Recalled::Taking(_) => None,
        })
    }

    /// The lane on which facts of this writer leave.
    pub(super) fn leaving(&mut self, writer: Writer) -> Result<&mut Outgoing, PeerFault> {
        match &mut self.recall {
            Recalled::Giving(giving) if giving.writer() == writer => Ok(giving),
            Recalled::Giving(_) | Recalled::Nothing | Recalled::Taking(_) => {
                self.outgoing.check(writer)?;
                Ok(&mut self.outgoing)
            }
        }
    }

    /// The lane on which facts of this writer come.
    pub(super) fn coming(&mut self, writer: Writer) -> Result<&mut Incoming, PeerFault> {
        match &mut self.recall {
            Recalled::Taking(taking) if taking.writer() == writer => Ok(taking),
            Recalled::Taking(_) | Recalled::Nothing | Recalled::Giving(_) => {
                self.incoming.check(writer)?;
                Ok(&mut self.incoming)
            }
        }
    }

    /// Our own journal is not what the other end holds. A box can take it back; nobody gives the hub its own.
    pub(super) fn forked(&mut self, fault: PeerFault) -> Result<Output, PeerFault> {
        match fault {
            PeerFault::Forked(fork) if self.outgoing.writer() == Writer::Node => {
                self.outgoing.stop();
                Ok(Output::Forked(fork))
            }
            fault => Err(fault),
        }
    }
}
