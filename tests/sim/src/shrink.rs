//! Makes a failing plan short: deeds and kinds of bad luck are taken away as long as the same invariant fails without them.

use crate::{
    mutant::Mutant,
    oracle::Invariant,
    plan::{Plan, Traits},
    world::World,
};

/// Worlds played at most to make one shorter.
const TRIALS_MAX: usize = 600;

/// The shortest plan found that still violates `invariant`.
#[must_use]
pub fn shrink(plan: Plan, invariant: Invariant, mutant: Option<Mutant>) -> Plan {
    let mut trials = 0;
    let mut fails = |plan: &Plan| {
        trials += 1;
        trials <= TRIALS_MAX
            && World::play(plan.clone(), mutant, false)
                .is_ok_and(|outcome| outcome.violation.is_some_and(|violation| violation.invariant == invariant))
    };
    let mut best = plan;
    for calm in CALMER {
        let candidate = Plan { traits: calm(best.traits.clone()), ..best.clone() };
        if fails(&candidate) {
            best = candidate;
        }
    }
    // Halves first, then ever smaller pieces. A deed is replaced by nothing, since others name it by its place.
    let mut piece = best.deeds.len().div_ceil(2);
    while piece > 0 {
        let mut at = 0;
        while at < best.deeds.len() {
            let end = (at + piece).min(best.deeds.len());
            let candidate = without(&best, at, end);
            let is_less =
                candidate.deeds[at..end].iter().zip(&best.deeds[at..end]).any(|(new, old)| new.skipped != old.skipped);
            if is_less && fails(&candidate) {
                best = candidate;
            }
            at = end;
        }
        piece /= 2;
    }
    best
}

fn without(plan: &Plan, from: usize, to: usize) -> Plan {
    let mut candidate = plan.clone();
    for deed in &mut candidate.deeds[from..to] {
        deed.skipped = true;
    }
    candidate
}

type Calm = fn(Traits) -> Traits;

/// One kind of bad luck less at a time.
const CALMER: [Calm; 6] = [
    |traits| Traits { unsent: 0, ..traits },
    |traits| Traits { lost: 0, ..traits },
    |traits| Traits { unanswered: 0, ..traits },
    |traits| Traits { twice: 0, ..traits },
    |traits| Traits { cut: 0, ..traits },
    |traits| Traits { call_ms: (5, 40), line_ms: (1, 5), ..traits },
];
