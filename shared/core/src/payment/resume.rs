//! A payment put together again from its facts, after a restart or for a person's request on an old one.

use super::{
    Payment, State, Step,
    fact::{Doubted, Fact},
    standing::Standing,
    wait::{Next, Wait},
};
use crate::{
    acquirer::Terms,
    time::{Now, Since},
};

impl Payment {
    /// Replays the facts of one payment, oldest first; `None` if they do not begin with its intent. It waits for nothing until
    /// [`Self::resume`].
    #[must_use]
    pub fn replay<'f>(facts: impl IntoIterator<Item = &'f Fact>, terms: &'static Terms) -> Option<Self> {
        let standing = Standing::replay(facts)?;
        let wait = Wait::from(asked(&standing, Now::default()));
        Some(Self { standing, wait, terms })
    }

    /// Goes on after a restart: a charge whose answer was lost with the process is in doubt; waits count from their facts, by
    /// trusted time, so that restarts never starve them.
    pub fn resume(&mut self, now: Now) -> Step {
        let under_way = self.standing.refund().map(|refund| refund.at);
        let under_way = under_way.or_else(|| self.standing.reversal().map(|reversal| reversal.at));
        self.wait = Wait {
            wake: Some(now.up),
            returning: Since::fact(under_way, now),
            ended: Since::fact(self.standing.watch().map(|watch| watch.since), now),
            ..Wait::from(asked(&self.standing, now))
        };
        match self.state() {
            State::Pending => {
                let detail = Some("the node stopped before an answer was recorded".into());
                return self.record(Doubted { order_no: self.order_no(), at: now.wall, detail });
            }
            State::Unknown | State::Held => {}
            State::Reversing => {
                // A try before the restart may have worked unseen; a refused one is known to have done nothing.
                let refused = self.standing.reversal().is_some_and(|reversal| reversal.refused);
                (self.wait.next, self.wait.seen_before) = (if refused { Next::AskCharge } else { Next::Ask }, true);
            }
            State::Refunding => (self.wait.next, self.wait.seen_before) = (Next::Ask, true),
            State::Closed | State::Reversed => self.wait_for_late_check(now),
            State::Paid | State::PartRefunded => {
                self.wait.wake = None;
                self.wait_for_owed(now, 0);
            }
            State::Declined | State::Refunded | State::Quarantined => self.wait.wake = None,
        }
        Step::nothing()
    }
}

/// When the charge was made. A time in doubt from an earlier life says nothing about how long ago it was.
fn asked(standing: &Standing, now: Now) -> Since {
    let intent = standing.intent();
    Since::fact((!intent.clock_doubted).then_some(intent.at), now)
}
