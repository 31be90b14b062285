//! Whose journal, and who writes it.

use alloc::borrow::Cow;
use core::fmt;

use minicbor::{Decode, Encode};

use super::{Issuer, StoreId};

/// Who writes a journal. Each has one writer, which alone holds the key that seals it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Writer {
    /// The store's own box.
    #[n(0)]
    Node,
    /// The merchant's hub, towards one store.
    #[n(1)]
    Hub,
    /// A till of the store that is hosted at the hub, by the number it draws under.
    #[n(2)]
    Hosted(#[n(0)] Issuer),
}

impl Writer {
    const HOSTED: &str = "hosted-";

    /// `node`, `hub` or `hosted-90001`: in the database and in logs.
    #[must_use]
    pub fn text(self) -> Cow<'static, str> {
        match self {
            Self::Node => Cow::Borrowed("node"),
            Self::Hub => Cow::Borrowed("hub"),
            Self::Hosted(issuer) => Cow::Owned(alloc::format!("{}{}", Self::HOSTED, issuer.get())),
        }
    }

    /// Reads [`Self::text`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let writer = match text {
            "node" => Self::Node,
            "hub" => Self::Hub,
            hosted => Self::Hosted(Issuer::new(hosted.strip_prefix(Self::HOSTED)?.parse().ok()?)?),
        };
        (writer.text() == text).then_some(writer)
    }
}

impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// A journal's name: whose store, and who writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JournalId {
    /// The store it is about.
    pub store: StoreId,
    /// Its only writer.
    pub writer: Writer,
}

impl JournalId {
    /// The journal of a store's own box.
    #[must_use]
    pub const fn node(store: StoreId) -> Self {
        Self { store, writer: Writer::Node }
    }

    /// The hub's journal towards a store.
    #[must_use]
    pub const fn hub(store: StoreId) -> Self {
        Self { store, writer: Writer::Hub }
    }
}

impl fmt::Display for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.store, self.writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_has_one_spelling() {
        let hosted = Writer::Hosted(Issuer::new(90_001).expect("in range"));
        for writer in [Writer::Node, Writer::Hub, hosted] {
            assert_eq!(Writer::parse(&writer.text()), Some(writer));
        }
        assert_eq!(hosted.text(), "hosted-90001");
        for wrong in ["", "Node", "hosted-", "hosted-090001", "hosted-+90001", "hosted-0", "hosted-node"] {
            assert_eq!(Writer::parse(wrong), None, "{wrong}");
        }
    }
}
