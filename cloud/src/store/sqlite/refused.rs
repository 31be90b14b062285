//! Why facts are not taken in.

use guitai_core::ids::FactNo;
use guitai_store::StoreError;

/// Why a run of facts is not taken.
#[derive(Debug)]
pub enum Refused {
    /// A newer session of the store took over, or another box, or the same one let in again, serves it.
    Fenced,
    /// These bytes are no fact of any version.
    NoFact(FactNo),
    /// The database said no, or the run does not follow what is held.
    Store(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fenced => f.write_str("a newer session or another box of this store took over"),
            Self::NoFact(no) => write!(f, "the bytes of {no} are no fact"),
            Self::Store(error) => error.fmt(f),
        }
    }
}
