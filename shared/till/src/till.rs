//! A till without its thread: the engine and its clock, taken one turn at a time. The runner turns it over a queue, a simulator by
//! its own clock.

use guitai_core::time::Ticks;
use guitai_store::StoreError;

use crate::{
    clock::{Clock, Look},
    command::Command,
    engine::{Engine, Output, Setup},
};

/// The till.
pub struct Till {
    engine: Engine,
    clock: Clock,
}

impl Till {
    /// Takes the till up where the journal leaves it. The first turn lets out what is asked again.
    ///
    /// # Errors
    /// What the journal says while payments are recalled.
    pub fn resume(setup: Setup, clock: Clock) -> Result<Self, StoreError> {
        let look = clock.look();
        let engine = Engine::resume(setup, look.now)?;
        let till = Self { engine, clock };
        till.stamp(&look);
        Ok(till)
    }

    /// Its clock.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The engine, for questions.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// When a turn has work without any command.
    #[must_use]
    pub fn next_wake(&self) -> Option<Ticks> {
        self.engine.next_wake()
    }

    /// Whether a wait is over.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.next_wake().is_some_and(|wake| wake <= self.clock.up())
    }

    /// One turn: what is due, then the commands, one commit for all of it, and what that lets out.
    ///
    /// # Errors
    /// What the journal says; what is on disk is then unknown and the process must end.
    pub fn turn(
        &mut self,
        commands: impl IntoIterator<Item = Command>,
        output: impl FnMut(Output),
    ) -> Result<(), StoreError> {
        let mut look = self.look();
        self.engine.due(look.now)?;
        for command in commands {
            if let Command::TimeTold { said, by, asked } = command {
                self.stamp(&look);
                let correction = self.clock.witness(said, by, asked);
                look = self.look();
                if let Some(correction) = correction {
                    tracing::warn!(since_ms = correction.since.0, correction.by_ms, "facts were stamped in doubt");
                    self.engine.correct_days(look.now, correction)?;
                }
                continue;
            }
            self.engine.handle(look.now, command)?;
        }
        self.stamp(&look);
        self.engine.commit(output)
    }

    /// Time for the next facts, and whether it is in doubt.
    fn look(&mut self) -> Look {
        let look = self.clock.look();
        self.engine.clock_stands(look.now, look.doubted);
        look
    }

    /// Time goes on from what facts bear, and only from that.
    fn stamp(&self, look: &Look) {
        if self.engine.has_news() {
            self.clock.stamped(look);
        }
    }
}
