//! The hub of a world: its real file and its real table of lines, without sockets.

use anyhow::anyhow;
use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::StoreId,
    sync::{
        contract::{Authorisation, Claim, EnrolRequest, Papers},
        frame::{Enrolled, Word},
    },
    time::{Now, Ticks, UtcMs},
    trust::{Channel, KeyBytes},
};
use guitai_hub::{Heard, Lines, Seat, Seated, Sqlite};
use guitai_store::StoreError;
use guitai_vfs::{Disk, Image, VFS};

/// The hub.
pub struct Hub {
    /// Its disk.
    pub disk: Disk,
    /// Its key.
    pub identity: SigningKey,
    /// The running process.
    pub life: Option<HubLife>,
    /// A copy put aside.
    pub backup: Option<Image>,
    /// Its disk as it was at first, for a world whose hub loses facts.
    pub stale: Option<Image>,
    /// How often it was started.
    pub starts: u8,
}

/// A running hub.
pub struct HubLife {
    /// Its file.
    pub sqlite: Sqlite,
    /// Who is connected.
    pub lines: Lines,
    /// When it was started, in ms of the world.
    pub born_ms: u64,
}

impl Hub {
    /// A hub with an empty folder.
    #[must_use]
    pub fn new(disk: Disk, identity: SigningKey) -> Self {
        Self { disk, identity, life: None, backup: None, stale: None, starts: 0 }
    }

    /// Its public key.
    #[must_use]
    pub fn key(&self) -> KeyBytes {
        self.identity.verifying_key().to_bytes()
    }

    /// Starts it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn start(&mut self, born_ms: u64) -> Result<(), StoreError> {
        self.starts = self.starts.wrapping_add(1);
        let folder = self.disk.path("");
        let sqlite = Sqlite::open_on(&folder, VFS, self.identity.clone(), [self.starts; 16])?;
        self.life = Some(HubLife { sqlite, lines: Lines::default(), born_ms });
        Ok(())
    }

    /// Adds a store.
    ///
    /// # Errors
    /// It does not run, or its disk says no.
    pub fn add_store(&self, store: &StoreId, now: UtcMs) -> anyhow::Result<()> {
        let life = self.life.as_ref().ok_or_else(|| anyhow!("the hub is down"))?;
        life.sqlite.add_store(store, store.as_str(), now).map_err(|error| anyhow!("{error:?}"))
    }

    /// Lets a key in for a store, with a code made for it; what the box showed is what it kept.
    ///
    /// # Errors
    /// It does not run, its disk says no, or it refuses.
    pub fn enrol(
        &self,
        store: &StoreId,
        (node, papers): (KeyBytes, Papers),
        nonce: [u8; 32],
        now: UtcMs,
    ) -> anyhow::Result<Enrolled> {
        let life = self.life.as_ref().ok_or_else(|| anyhow!("the hub is down"))?;
        let expires_at = UtcMs(now.0 + 600_000);
        let (code, _) = life.sqlite.new_code(store, nonce, expires_at).map_err(|error| anyhow!("{error:?}"))?;
        let channel = Channel { hub_key: self.key(), node_key: node, exporter: nonce };
        let request = EnrolRequest {
            code_id: code.id(),
            proof: code.proof(&channel),
            channel,
            app_version: "0.1.0".into(),
            papers,
        };
        let welcome = life.sqlite.enrol(&request, now).map_err(|error| anyhow!("{error}"))?;
        let welcome = welcome.map_err(|refusal| anyhow!("{refusal:?}"))?;
        if let Some(replaced) = welcome.replaced {
            life.lines.dismiss(store, replaced.issuer, guitai_core::sync::frame::ByeReason::Revoked);
        }
        Ok(welcome.enrolled)
    }
}

impl HubLife {
    /// The hub's own ticks.
    #[must_use]
    pub const fn up(&self, now_ms: u64) -> Ticks {
        Ticks(now_ms - self.born_ms)
    }

    /// Its word on a node that says hello, as the hub's caller asks for it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn admit(
        &self,
        claim: &Claim,
        (now, up): (UtcMs, Ticks),
    ) -> Result<(Authorisation, Word, Option<Seated>), StoreError> {
        let at = Now::alone(now, up);
        let (older, sitter) = match self.lines.seat(claim, at) {
            Seat::Free { older, sitter } => (older, sitter),
            Seat::Taken => return Ok((Authorisation::Duplicate, Word::default(), None)),
        };
        let Heard { answer, issuer, word } = self.sqlite.authorise(claim, older.as_ref(), now)?;
        let seated = match (&answer, issuer) {
            (Authorisation::Admitted(standing), Some(issuer)) => {
                Some(self.lines.take((standing.store.clone(), issuer), sitter, [0; 32], at))
            }
            _ => None,
        };
        Ok((answer, word, seated))
    }
}
