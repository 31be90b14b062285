//! That the world can be trusted: it sees what is wrong, and a seed is one world.

use guitai_sim::{mutant::Mutant, oracle::Invariant, plan::Plan, shrink::shrink, situation::Situation, world::World};

/// Worlds of a mutant until one is caught.
const SEEDS_MAX: u64 = 80;

#[test]
fn every_mutant_is_caught_by_its_invariant() {
    for (mutant, invariants) in Mutant::ALL {
        // Another invariant may see it first, in another world; this one must see it too.
        let outcomes = (1..=SEEDS_MAX).filter_map(|seed| World::play(Plan::of(seed), Some(*mutant), false).ok());
        let mut violations = outcomes.filter_map(|outcome| outcome.violation);
        let caught = violations.any(|violation| invariants.contains(&violation.invariant));
        assert!(caught, "{mutant:?} is not caught by {invariants:?} in {SEEDS_MAX} worlds");
    }
}

#[test]
fn every_invariant_has_a_mutant() {
    for invariant in Invariant::ALL {
        assert!(Mutant::ALL.iter().any(|(_, caught)| caught.contains(&invariant)), "{}", invariant.name());
    }
}

#[test]
fn a_seed_is_one_world() {
    let mut hashes = std::collections::BTreeSet::new();
    for seed in 1..=8 {
        let play = || World::play(Plan::of(seed), None, false).unwrap();
        let (first, second) = (play(), play());
        assert_eq!(first.hash, second.hash, "seed {seed}");
        hashes.insert(first.hash);
    }
    assert_eq!(hashes.len(), 8);
}

#[test]
fn a_plan_that_fails_is_made_short_and_tells_its_story() {
    let fails = |seed| {
        let violation = World::play(Plan::of(seed), Some(Mutant::PaidBeforeAnswered), false).unwrap().violation;
        violation.map(|violation| (seed, violation.invariant))
    };
    let (seed, invariant) = (1..20).find_map(fails).expect("one of them fails");
    let short = shrink(Plan::of(seed), invariant, Some(Mutant::PaidBeforeAnswered));
    let left = short.deeds.iter().filter(|deed| !deed.skipped).count();
    assert_eq!(left, 1, "one charge is enough");
    let written: Plan = serde_json::from_str(&serde_json::to_string(&short).unwrap()).unwrap();
    let again = World::play(written, Some(Mutant::PaidBeforeAnswered), true).unwrap();
    assert_eq!(again.violation.map(|violation| violation.invariant), Some(invariant));
    assert!(again.story.last().is_some_and(|line| line.contains("VIOLATED")), "{:?}", again.story);
}

#[test]
fn there_are_sixty_situations_and_each_has_a_name() {
    let names: std::collections::BTreeSet<&str> = Situation::ALL.iter().map(|situation| situation.name()).collect();
    assert!(names.len() >= 60 && names.len() == Situation::ALL.len());
}
