//! One side with its storage, and the line between two.

use guitai_core::{ids::AccountId, time::UtcMs};
use guitai_documents::{Announcement, Changed, Document, PeerSync, generate, receive};

/// A document, what was stored of it and where its sync stands.
pub(crate) struct Side {
    pub(crate) document: Document,
    pub(crate) stored: Vec<Vec<u8>>,
    pub(crate) peer: PeerSync,
}

impl Side {
    pub(crate) fn new(actor: u8) -> Self {
        Self { document: Document::open(&[], [actor; 16]).unwrap(), stored: Vec::new(), peer: PeerSync::new() }
    }

    /// Ends the process and starts it again under another actor.
    pub(crate) fn restart(&mut self, actor: u8) {
        self.store();
        let encoded = self.peer.encode();
        self.document = Document::open(&self.stored, [actor; 16]).unwrap();
        self.peer = PeerSync::resume(&encoded, &mut self.document);
    }

    pub(crate) fn store(&mut self) {
        self.stored.extend(self.document.take_changes());
    }

    pub(crate) fn say(&mut self) -> Option<Vec<u8>> {
        self.store();
        generate(&mut self.document, &mut self.peer)
    }

    pub(crate) fn hear(&mut self, bytes: &[u8]) -> Changed {
        receive(&mut self.document, &mut self.peer, bytes).unwrap()
    }

    pub(crate) fn publish(&mut self, id: &str, title: &str, body: &str, at: i64) {
        self.document.publish(id, title, body, &account("01"), UtcMs(at)).unwrap();
    }

    pub(crate) fn view(&self) -> Vec<Announcement> {
        self.document.announcements()
    }
}

pub(crate) fn account(text: &str) -> AccountId {
    AccountId::parse(text).unwrap()
}

/// Lets both talk until neither has anything to say; the messages it took.
pub(crate) fn settle(a: &mut Side, b: &mut Side) -> usize {
    const MESSAGES_MAX: usize = 500;
    let mut messages = 0;
    loop {
        let (from_a, from_b) = (a.say(), b.say());
        if from_a.is_none() && from_b.is_none() {
            assert_eq!(a.document.heads_digest(), b.document.heads_digest());
            assert_eq!(a.view(), b.view());
            return messages;
        }
        if let Some(bytes) = from_a {
            b.hear(&bytes);
            messages += 1;
        }
        if let Some(bytes) = from_b {
            a.hear(&bytes);
            messages += 1;
        }
        assert!(messages < MESSAGES_MAX, "the two never come to rest");
    }
}

/// Both with the same announcement, in agreement.
pub(crate) fn pair() -> (Side, Side) {
    let (mut hub, mut store) = (Side::new(1), Side::new(2));
    hub.publish("a1", "春节营业时间", "除夕 18:00 闭店 the shop closes early", 100);
    settle(&mut hub, &mut store);
    (hub, store)
}
