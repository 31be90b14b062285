//! What becomes of a box's membership: kept on its disk, told to its engine, and felt at its door.

use guitai_core::{sync::member::Member, time::Ticks, trust::Bar};
use guitai_till::Command;

use super::World;
use crate::oracle::Violation;

impl World {
    /// Applies a change to where a box stands with the hub; whoever waits at its door looks again.
    pub(super) fn belongs(&mut self, counter: usize, change: impl FnOnce(&mut Member, Ticks)) -> Result<(), Violation> {
        let now_ms = self.now_ms();
        let Some(life) = &mut self.counters[counter].life else { return Ok(()) };
        let (before, up) = (life.member.clone(), life.up(now_ms));
        change(&mut life.member, up);
        if life.member == before {
            return Ok(());
        }
        // A disk that fails keeps nothing: it is asked again.
        let _ = guitai_store::kept::keep(&life.side, before.kept(), life.member.kept());
        let (was, is) = (before.bar(), life.member.bar());
        if was == is {
            return self.turn(counter, Vec::new());
        }
        self.marks.bar(is);
        let name = self.counters[counter].name.clone();
        self.tell(format_args!("{name} may not: {is:?}"));
        self.turn(counter, vec![Command::Bar(is)])
    }

    /// Whether a box is one that people must replace.
    pub(super) fn is_given_up(&self, counter: usize) -> bool {
        let bar = self.counters[counter].life.as_ref().and_then(|life| life.member.bar());
        matches!(bar, Some(Bar::Unfillable | Bar::Replaced | Bar::Revoked | Bar::Duplicate))
    }
}
