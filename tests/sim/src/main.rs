//! The simulated world's program: plays seeds, prints what they came to.

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use anyhow::Context;
use clap::Parser;
use guitai_sim::{
    identity::signs_for_real,
    mutant::Mutant,
    oracle::Violation,
    plan::Plan,
    shrink::shrink,
    situation::{Situation, Situations},
    world::{Outcome, World},
};

/// Plays simulated shops from seeds.
#[derive(Parser)]
struct Arguments {
    /// One seed, with its story.
    #[arg(long)]
    seed: Option<u64>,
    /// How many seeds, counted from --from.
    #[arg(long, default_value_t = 20_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Plays a plan that a failing run wrote.
    #[arg(long)]
    replay: Option<PathBuf>,
    /// Where the plan of a failing seed is written.
    #[arg(long, default_value = "target/sim")]
    out: PathBuf,
    /// Fails unless each situation is met so often.
    #[arg(long, default_value_t = 0)]
    each: u64,
    /// So many of the seeds are played twice, to the same events.
    #[arg(long, default_value_t = 50)]
    twice: u64,
    /// Plays a mutant: wrong on purpose.
    #[arg(long)]
    mutant: Option<String>,
    /// Leaves a failing plan as long as it is.
    #[arg(long)]
    whole: bool,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mutant = arguments.mutant.as_deref().map(mutant).transpose()?;
    if let Some(path) = &arguments.replay {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        return one(serde_json::from_str(&text)?, mutant);
    }
    match arguments.seed {
        Some(seed) => one(Plan::of(seed), mutant),
        None => many(&arguments, mutant),
    }
}

fn mutant(name: &str) -> anyhow::Result<Mutant> {
    let found = Mutant::ALL.iter().find(|(mutant, _)| format!("{mutant:?}") == name);
    let known: Vec<String> = Mutant::ALL.iter().map(|(mutant, _)| format!("{mutant:?}")).collect();
    found.map(|(mutant, _)| *mutant).with_context(|| format!("no mutant {name}; there are {}", known.join(", ")))
}

/// Plays one plan and prints its story.
fn one(plan: Plan, mutant: Option<Mutant>) -> anyhow::Result<ExitCode> {
    println!("seed {}, {:?}", plan.seed, plan.traits);
    let outcome = World::play(plan, mutant, true)?;
    for line in &outcome.story {
        println!("{line}");
    }
    let hash: String = outcome.hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    println!("{} events, {} intents, {} restarts, hash {hash}", outcome.events, outcome.intents, outcome.restarts);
    Ok(match outcome.violation {
        Some(violation) => {
            println!("violated: {violation}");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    })
}

/// What many worlds came to.
#[derive(Default)]
struct Sum {
    seeds: u64,
    events: u64,
    intents: Vec<u64>,
    faults: Vec<u64>,
    restarts: u64,
    signed: u64,
    situations: Situations,
    violations: Vec<(u64, Violation)>,
    unlike: Vec<u64>,
}

impl Sum {
    fn add(&mut self, seed: u64, outcome: Outcome) {
        self.seeds += 1;
        self.events += outcome.events;
        self.intents.push(outcome.intents);
        self.faults.push(outcome.faults);
        self.restarts += outcome.restarts;
        self.signed += u64::from(signs_for_real(seed));
        self.situations.add(&outcome.situations);
        self.violations.extend(outcome.violation.map(|violation| (seed, violation)));
    }
}

fn many(arguments: &Arguments, mutant: Option<Mutant>) -> anyhow::Result<ExitCode> {
    let (begun, next) = (Instant::now(), AtomicU64::new(arguments.from));
    let end = arguments.from + arguments.seeds;
    let (sum, failed) = (Mutex::new(Sum::default()), AtomicBool::new(false));
    let work = || -> anyhow::Result<()> {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end || failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            let outcome = World::play(Plan::of(seed), mutant, false);
            let outcome = outcome.inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
            let again = seed < arguments.from + arguments.twice;
            let unlike = again && World::play(Plan::of(seed), mutant, false)?.hash != outcome.hash;
            let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
            sum.add(seed, outcome);
            sum.unlike.extend(unlike.then_some(seed));
            if sum.seeds.is_multiple_of(1_000) {
                eprintln!("{} seeds, {} violations, {} s", sum.seeds, sum.violations.len(), begun.elapsed().as_secs());
            }
        }
    };
    let results: Vec<anyhow::Result<()>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..arguments.threads).map(|_| scope.spawn(work)).collect();
        let joined = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.map(|end| end.unwrap_or_else(|_| Err(anyhow::anyhow!("a world panicked")))).collect()
    });
    results.into_iter().collect::<anyhow::Result<()>>()?;
    let sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    report(arguments, mutant, sum, begun)
}

fn report(arguments: &Arguments, mutant: Option<Mutant>, mut sum: Sum, begun: Instant) -> anyhow::Result<ExitCode> {
    let mut missed: Vec<String> = Vec::new();
    for (situation, count) in sum.situations.each() {
        if count < arguments.each.max(1) {
            missed.push(format!("{} ({count})", situation.name()));
        }
    }
    sum.violations.sort_by_key(|(seed, _)| *seed);
    for (seed, violation) in sum.violations.iter().take(20) {
        println!("seed {seed}: {violation}");
    }
    if let Some((seed, violation)) = sum.violations.first() {
        let plan = Plan::of(*seed);
        let plan = if arguments.whole { plan } else { shrink(plan, violation.invariant, mutant) };
        std::fs::create_dir_all(&arguments.out)?;
        let path = arguments.out.join(format!("seed-{seed}.json"));
        std::fs::write(&path, serde_json::to_string_pretty(&plan)?)?;
        println!("--- seed {seed}, made short; play it again with: scripts/test sim --replay {}", path.display());
        for line in World::play(plan, mutant, true)?.story {
            println!("{line}");
        }
    }
    if !missed.is_empty() {
        println!("missed: {}", missed.join(", "));
    }
    if !sum.unlike.is_empty() {
        println!("played twice, another world: seeds {:?}", sum.unlike);
    }
    let all = Situation::ALL.len();
    println!(
        "intents {} (median {} a seed), faults median {} a seed, restarts {}, real signatures in {}, played twice {}, {} s",
        sum.intents.iter().sum::<u64>(),
        median(&mut sum.intents),
        median(&mut sum.faults),
        sum.restarts,
        sum.signed,
        arguments.twice.min(sum.seeds),
        begun.elapsed().as_secs()
    );
    println!(
        "sim: seeds {}, events {}, situations {}/{all}, violations {}",
        sum.seeds,
        sum.events,
        all - missed.len(),
        sum.violations.len()
    );
    let wanting = arguments.each > 0 && !missed.is_empty();
    let failed = !sum.violations.is_empty() || !sum.unlike.is_empty() || wanting;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn median(values: &mut [u64]) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}
