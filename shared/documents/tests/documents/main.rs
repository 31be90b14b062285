//! Two sides that edit one document while apart: they end with the same view, whatever the order, the losses and the bytes.
#![allow(clippy::unwrap_used, missing_docs)]
#![expect(clippy::disallowed_methods, reason = "a hostile peer makes documents of its own")]

mod merge;
mod peer;
mod side;
mod storage;
