//! Inputs that are nearly right: what a reader of bytes meets from a damaged line, a mad device or somebody who tries. The same seed
//! gives the same inputs.

/// Makes inputs out of examples.
pub(crate) struct Mutator {
    state: u64,
}

impl Mutator {
    /// One whose inputs follow from the seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: seed | 1 }
    }

    /// xorshift64*: chance enough for tests, and the same everywhere.
    pub(crate) fn next(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `end`, or 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).expect("a length")).expect("below a length")
    }

    /// One of the examples with one to four things done to it: bits and bytes changed, parts cut out, doubled, put in, exchanged with
    /// another example's, numbers set to their bounds.
    pub(crate) fn input(&mut self, examples: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = examples[self.below(examples.len())].clone();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            let upto = bytes.len().min(at + 1 + self.below(16));
            match self.below(8) {
                0 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                1 if !bytes.is_empty() => bytes[at] = u8::try_from(self.below(256)).expect("a byte"),
                2 => bytes.truncate(at),
                3 => drop(bytes.drain(at..upto)),
                4 => {
                    let part = bytes[at..upto].to_vec();
                    bytes.splice(at..at, part);
                }
                5 => {
                    let bounds: [&[u8]; 6] =
                        [&[0xff; 8], &[0; 8], &[0x7f, 0xff, 0xff, 0xff], &[0x80], &[0x1b], &[0x9f]];
                    let bound = bounds[self.below(bounds.len())];
                    bytes.splice(at..upto, bound.iter().copied());
                }
                6 => {
                    let other = &examples[self.below(examples.len())];
                    let from = self.below(other.len());
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[from..]);
                }
                _ => {
                    let noise: Vec<u8> =
                        (0..self.below(8)).map(|_| u8::try_from(self.below(256)).expect("a byte")).collect();
                    bytes.splice(at..at, noise);
                }
            }
        }
        bytes
    }
}
