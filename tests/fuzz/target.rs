//! A fuzz target: first its committed corpus, line by line, then inputs made from the corpus and from examples. The same seed gives
//! the same inputs. What crashes a reader, or is read for too long, is named in the form in which it becomes a line of the corpus.
//!
//! A line of `corpus/NAME.hex` is one input in hex, in parts divided by blanks; `5b*900` is a part 900 times over. Before it may stand what
//! becomes of it, as the target's test names outcomes: `refused: 5b*900`. A line that begins with `#` is a comment.

use std::{
    any::Any,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

pub(crate) use mutate::Mutator;

mod mutate;

/// Longest time that one input may take. Readers need microseconds; a busy machine may let a thread wait.
pub(crate) const INPUT_LIMIT: Duration = Duration::from_secs(5);

/// Longest line of a corpus.
const LINE_MAX_CHARS: usize = 2_000;

/// Longest input that others are made from; longer ones are read only as they stand.
const EXAMPLE_MAX_BYTES: usize = 4 * 1024;

/// A reader that hears everything.
pub(crate) struct Target {
    /// Its corpus is the file of this name.
    pub(crate) name: &'static str,
    /// All its inputs follow from it.
    pub(crate) seed: u64,
    /// Inputs made besides the corpus.
    pub(crate) inputs: usize,
    /// Longest time for one input.
    pub(crate) limit: Duration,
}

/// How often each outcome was met among the inputs made.
pub(crate) struct Seen(BTreeMap<&'static str, usize>);

impl Seen {
    /// How often this one was.
    pub(crate) fn count(&self, outcome: &str) -> usize {
        self.0.get(outcome).copied().unwrap_or(0)
    }
}

/// One input of a corpus.
struct Line {
    place: String,
    expected: Option<String>,
    bytes: Vec<u8>,
}

/// The input that is being read.
struct Current {
    place: String,
    bytes: Vec<u8>,
    begun: Instant,
}

impl Target {
    /// One with the usual limit.
    pub(crate) const fn new(name: &'static str, seed: u64, inputs: usize) -> Self {
        Self { name, seed, inputs, limit: INPUT_LIMIT }
    }

    /// Reads everything. `outcome` reads one input, asserts what must hold of it and names what became of it.
    pub(crate) fn run(
        self,
        examples: Vec<Vec<u8>>,
        outcome: impl FnMut(&[u8], &mut Mutator) -> &'static str + Send + 'static,
    ) -> Seen {
        self.hunt(examples, outcome).unwrap_or_else(|found| panic!("{found}"))
    }

    /// Like [`Self::run`]; says what was found instead of ending the test.
    pub(crate) fn hunt(
        self,
        examples: Vec<Vec<u8>>,
        outcome: impl FnMut(&[u8], &mut Mutator) -> &'static str + Send + 'static,
    ) -> Result<Seen, String> {
        let lines = corpus(self.name)?;
        let current = Arc::new(Mutex::new(None));
        let (limit, watched) = (self.limit, Arc::clone(&current));
        let (ended, end) = mpsc::channel();
        // A thread that hangs cannot be ended; the test that found it can.
        thread::spawn(move || ended.send(self.play(lines, examples, outcome, &current)));
        loop {
            match end.recv_timeout(limit / 4) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Disconnected) => return Err("the reader's thread is gone".into()),
                Err(RecvTimeoutError::Timeout) => {
                    let current = watched.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(Current { place, bytes, .. }) = current.as_ref().filter(|it| it.begun.elapsed() > limit)
                    {
                        return Err(format!("{place} is read for more than {limit:?}:\n{}", hex(bytes)));
                    }
                }
            }
        }
    }

    fn play(
        &self,
        lines: Vec<Line>,
        mut examples: Vec<Vec<u8>>,
        mut outcome: impl FnMut(&[u8], &mut Mutator) -> &'static str,
        current: &Mutex<Option<Current>>,
    ) -> Result<Seen, String> {
        let set = |it| *current.lock().unwrap_or_else(PoisonError::into_inner) = it;
        let mut read = |place: String, bytes: &[u8], mutator: &mut Mutator| {
            let begun = Instant::now();
            set(Some(Current { place: place.clone(), bytes: bytes.to_vec(), begun }));
            let read = catch_unwind(AssertUnwindSafe(|| outcome(bytes, mutator)));
            set(None);
            match read {
                Ok(_) if begun.elapsed() > self.limit => {
                    Err(format!("{place} took {:?}:\n{}", begun.elapsed(), hex(bytes)))
                }
                Ok(found) => Ok(found),
                Err(said) => Err(format!("{place} fails: {}\n{}", words(said.as_ref()), hex(bytes))),
            }
        };
        let (mut mutator, mut wrong) = (Mutator::new(self.seed), Vec::new());
        for line in &lines {
            let found = read(line.place.clone(), &line.bytes, &mut mutator)?;
            if line.expected.as_ref().is_some_and(|expected| expected != found) {
                let expected = line.expected.as_deref().unwrap_or_default();
                wrong.push(format!("{}: {found}, not {expected}", line.place));
            }
        }
        if !wrong.is_empty() {
            return Err(wrong.join("\n"));
        }
        examples.extend(lines.into_iter().map(|line| line.bytes).filter(|bytes| bytes.len() <= EXAMPLE_MAX_BYTES));
        let mut seen = BTreeMap::new();
        for number in 1..=self.inputs {
            let input = mutator.input(&examples);
            let found = read(format!("{}: input {number}", self.name), &input, &mut mutator)?;
            *seen.entry(found).or_default() += 1;
        }
        Ok(Seen(seen))
    }
}

/// What a panic said.
fn words(said: &(dyn Any + Send)) -> &str {
    let text = said.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| said.downcast_ref::<&str>().copied()).unwrap_or("a panic without words")
}

fn corpus(name: &str) -> Result<Vec<Line>, String> {
    let path = folder().join(format!("{name}.hex"));
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    lines(name, &text)
}

/// The corpora lie beside this file, and each crate that includes it somewhere below the folder that holds them.
fn folder() -> PathBuf {
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("tests/fuzz/corpus"));
    above.find(|folder| folder.is_dir()).expect("the repository has a folder of corpora")
}

fn lines(name: &str, text: &str) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    for (index, text) in text.lines().enumerate().filter(|(_, text)| !text.is_empty() && !text.starts_with('#')) {
        let place = format!("corpus/{name}.hex:{}", index + 1);
        let (expected, parts) = match text.split_once(':') {
            Some((expected, parts)) => (Some(expected.to_owned()), parts),
            None => (None, text),
        };
        let bytes = (text.len() <= LINE_MAX_CHARS).then(|| bytes(parts)).flatten();
        let bytes = bytes.ok_or_else(|| format!("{place}: no line of a corpus: {text}"))?;
        lines.push(Line { place, expected, bytes });
    }
    Ok(lines)
}

fn bytes(parts: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for part in parts.split_whitespace() {
        let (digits, times) = part.split_once('*').unwrap_or((part, "1"));
        if digits.len() % 2 != 0 || !digits.is_ascii() {
            return None;
        }
        let part: Vec<u8> = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok())
            .collect::<Option<_>>()?;
        bytes.extend(part.repeat(times.parse().ok()?));
    }
    Some(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
