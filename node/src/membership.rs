//! Where this node stands with the hub, and what that forbids it: the core's [`Member`], kept in `side.db`, so that it bars over
//! restarts and without the hub. A hub that merely does not know this node is an alarm: it sells on.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use guitai_core::{
    ids::{FactNo, StoreId},
    sync::{
        contract::{Hangup, Papers},
        frame::{Verdict, Word},
        kept::Kept,
        member::{Member, Parting, Wish},
    },
    time::Ticks,
    trust::{Bar, Instance, KeyBytes},
};
use guitai_store::{kept, query::Connection};
use guitai_till::{Command, Handle};
use tokio::{
    sync::watch,
    time::{Duration, Instant},
};

use crate::data_folder;

/// This node's membership; shared by the line, the pages and the engine.
pub(crate) struct Membership {
    member: watch::Sender<Member>,
    side: Arc<Mutex<Connection>>,
    till: Handle,
    /// What of it is in `side.db`; held while something is written there.
    written: Mutex<Kept>,
    started: Instant,
}

impl Membership {
    /// Takes up what was kept, and tells the engine what it may not do before anybody can ask it. `behind`: the hub acknowledged more
    /// than the journal holds, so that it was lost or an older copy of it was put back, whatever the hub says or does not.
    pub(crate) fn open(
        hub: (StoreId, KeyBytes),
        instance: Instance,
        side: Arc<Mutex<Connection>>,
        till: Handle,
        behind: bool,
    ) -> anyhow::Result<Arc<Self>> {
        let kept = kept::kept(&side.lock().unwrap_or_else(PoisonError::into_inner))?;
        let mut member = Member::start(hub, instance, kept, Ticks(0));
        let written = Mutex::new(member.kept().clone());
        if behind {
            member.forked(Ticks(0));
        }
        let this = Self { member: watch::Sender::new(member), side, till, written, started: Instant::now() };
        let bar = this.bar();
        this.apply(bar).context("the engine has ended")?;
        Ok(Arc::new(this))
    }

    /// What this node may not do, and why.
    pub(crate) fn bar(&self) -> Option<Bar> {
        self.member.borrow().bar()
    }

    /// Waits until the hub has said how the journals compare, or its time for that is over: nothing goes back by itself before.
    pub(crate) async fn heard(&self) {
        self.until_none(Member::unheard).await;
    }

    /// Waits until this may go in, which is never long.
    pub(crate) async fn admits(&self, wish: Wish) {
        self.until_none(|member, now| member.waits(wish, now)).await;
    }

    /// Whether what is not found in this journal does not exist.
    pub(crate) fn is_whole(&self) -> bool {
        self.member.borrow().is_whole()
    }

    async fn until_none(&self, waits: impl Fn(&Member, Ticks) -> Option<Ticks>) {
        let mut news = self.member.subscribe();
        loop {
            let until = waits(&news.borrow_and_update(), self.up());
            let Some(Ticks(until)) = until else { return };
            // The sender lives as long as this; out of time is news too.
            let _ = tokio::time::timeout_at(self.started + Duration::from_millis(until), news.changed()).await;
        }
    }

    /// What the hello shows.
    pub(crate) fn papers(&self) -> Papers {
        self.member.borrow().papers()
    }

    /// Where to dial, the likeliest first.
    pub(crate) fn addresses(&self) -> anyhow::Result<Vec<String>> {
        data_folder::addresses(&self.side.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The hub's key answered here.
    pub(crate) fn answered(&self, address: &str) -> anyhow::Result<()> {
        Ok(kept::answered(&self.side.lock().unwrap_or_else(PoisonError::into_inner), address)?)
    }

    /// The hub's signed answer to the hello.
    pub(crate) fn told(self: &Arc<Self>, verdict: Verdict, word: Word) {
        if let Some(no) = self.change(|member, _| member.told(verdict, word)) {
            // An engine that has ended draws no numbers.
            let _ = self.till.send(Command::NumberFloor(no));
        }
    }

    /// The journal here is not the one the hub holds.
    pub(crate) fn forked(self: &Arc<Self>) {
        self.change(Member::forked);
    }

    /// The same, and nothing can be done about it here.
    pub(crate) fn unfillable(self: &Arc<Self>) {
        self.change(Member::unfillable);
    }

    /// The hub acknowledged facts of this journal: both hold the same.
    pub(crate) fn agreed(self: &Arc<Self>) {
        self.change(|member, _| member.agreed());
    }

    /// A session ended so; `begins` is the journal's first fact.
    pub(crate) fn parted(self: &Arc<Self>, hangup: &Hangup, begins: Option<FactNo>) -> Parting {
        let parting = Parting::of(hangup, begins);
        self.change(|member, now| member.parted(parting, now));
        parting
    }

    /// Applies a change at once, and keeps it on a thread that may wait for the disk.
    fn change<T>(self: &Arc<Self>, change: impl FnOnce(&mut Member, Ticks) -> T) -> T {
        let (mut found, mut bars, mut is_kept) = (None, (None, None), true);
        self.member.send_if_modified(|member| {
            let before = member.clone();
            found = Some(change(member, self.up()));
            bars = (before.bar(), member.bar());
            is_kept = before.kept() == member.kept();
            before != *member
        });
        let (before, after) = bars;
        if before != after {
            match after {
                Some(bar) => tracing::error!(%bar, "{}", bar_words(bar).0),
                None => tracing::info!("nothing bars this node any more"),
            }
            // An engine that has ended moves no money.
            let _ = self.apply(after);
        }
        if !is_kept {
            let this = Arc::clone(self);
            tokio::task::spawn_blocking(move || this.write());
        }
        found.expect("a change is made at once")
    }

    /// Writes down what stands now. Threads come in any order, so each writes the newest: the last of them leaves nothing older.
    fn write(&self) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.member.borrow().kept().clone();
        let side = self.side.lock().unwrap_or_else(PoisonError::into_inner);
        match kept::keep(&side, &written, &now) {
            Ok(()) => *written = now,
            Err(error) => tracing::error!(%error, "what the hub said is not kept; it is asked again"),
        }
    }

    fn apply(&self, bar: Option<Bar>) -> anyhow::Result<()> {
        self.till.send(Command::Bar(bar)).map_err(|_| anyhow::anyhow!("the node is stopping"))
    }

    /// Since the start.
    fn up(&self) -> Ticks {
        Ticks(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

/// What a stopped node may not do when it starts, by what it keeps.
pub(crate) fn kept_bar(kept: &Kept, hub_key: &KeyBytes) -> Option<Bar> {
    kept.clone().verified(hub_key).bar()
}

/// What happened and who must act: Chinese, English.
pub(crate) const fn bar_words(bar: Bar) -> (&'static str, &'static str) {
    match bar {
        Bar::Revoked => (
            "总部已停用本机，不能再收款和退款；未完的交易仍在查询。请总部核对，需要时用新登记码执行 guitai-node enrol；\
             其间若有别的机器收过款，请另用空的数据目录，旧目录留存。",
            "Headquarters has disabled this node: it takes and returns no money, and goes on asking about what is open. Ask \
             headquarters; if need be, enter it anew with a new code: guitai-node enrol. If another box has sold meanwhile, use \
             an empty data folder and keep this one.",
        ),
        Bar::Replaced => (
            "本店已由另一台机器接替，本机不能再收款和退款；未完的交易仍在查询。请到新机收款；\
             若是误换，请总部给新登记码后执行 guitai-node enrol；新机若已收过款，请另用空的数据目录，旧目录留存。",
            "Another box serves this store now: this one takes and returns no money, and goes on asking about what is open. \
             Use the new box; if this is a mistake, enter this one anew with a code of headquarters: guitai-node enrol. If the \
             new box has sold already, use an empty data folder and keep this one.",
        ),
        Bar::Duplicate => (
            "另一台机器正用着本机的身份（数据目录被复制），本机不能收款和退款。请停用其中一台；要两台都用，请总部给登记码后执行 guitai-node enrol。",
            "Another box is using this one's identity (its data folder was copied): this one takes and returns no money. Stop \
             one of them; to keep this one, enter it anew with a code of headquarters: guitai-node enrol.",
        ),
        Bar::Unfillable => (
            "本机账本与总部不同，缺少的记录取不回来：本机不能再收款和退款，未完的交易仍在查询。请总部给登记码，另用一个空的数据目录执行 \
             guitai-node enrol，旧目录留存（未上传的记录在里面）。",
            "This node's journal is not what headquarters holds, and what is missing cannot come back: it takes and returns no money, \
             and goes on asking about what is open. Ask headquarters for a code and enter an empty data folder with guitai-node \
             enrol; keep this one, what it has not delivered is in it.",
        ),
        Bar::Forked => (
            "本机账本被恢复到旧的备份，正从总部取回缺少的记录：取回之前不能撤销和退款，收款照常。一分钟后仍不行，请联系总部。",
            "An older copy of this node's journal was put back; what is missing is being fetched from headquarters. Nothing is \
             voided or refunded until it is here, charges go on. If this lasts over a minute, call headquarters.",
        ),
    }
}

/// Why the hub does not let this node in, and who must act: Chinese, English.
pub(crate) const fn verdict_words(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Ok => ("总部已接入", "the hub lets this node in"),
        Verdict::Unknown => (
            "总部不认识本机（总部可能恢复了旧备份）；收款照常，请通知总部",
            "the hub does not know this node (was it restored from a backup?); payments go on, tell headquarters",
        ),
        Verdict::Revoked => ("总部已停用本机，请联系总部", "headquarters has disabled this node; ask headquarters"),
        Verdict::WrongStore => (
            "本机身份属于另一家门店，请总部核对后重新登记",
            "this node's identity belongs to another store; ask headquarters and enter it anew",
        ),
        Verdict::EnrolOnly => {
            ("本机还没有登记，请向总部要登记码", "this node is not enrolled; ask headquarters for a code")
        }
        Verdict::Replaced => (
            "本店已由另一台机器接替，请到新机收款或联系总部",
            "another box serves this store now; use that one, or ask headquarters",
        ),
        Verdict::Duplicate => (
            "另一台机器正用着本机的身份（数据目录被复制），请停用其中一台",
            "another box is using this one's identity (its data folder was copied); stop one of them",
        ),
        Verdict::Later => ("总部正忙，稍后自动重试", "the hub is busy; this node tries again by itself"),
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use guitai_core::{
        ids::Issuer,
        sync::kept::Fork,
        time::UtcMs,
        trust::{Grant, InForce, RosterEntry},
    };

    use super::*;

    fn hub() -> SigningKey {
        SigningKey::from_bytes(&[1; 32])
    }

    fn store() -> StoreId {
        StoreId::parse("S001").unwrap()
    }

    fn kept(entry: Option<RosterEntry>, hub_word: &str) -> Kept {
        let grant = Grant::sign(&hub(), store(), Issuer::new(7).unwrap(), [2; 32], 10);
        let forked = [("forked", Fork::Filling), ("unfillable", Fork::Unfillable)];
        let forked = forked.into_iter().find_map(|(word, fork)| (word == hub_word).then_some(fork));
        Kept { grant: Some(grant), entry, hub_word: Some(hub_word.into()), forked, ..Kept::default() }
    }

    #[test]
    fn a_signed_entry_bars_and_a_word_alone_does_not() {
        let hub_key = hub().verifying_key().to_bytes();
        let other = InForce { key: [3; 32], issuer: Issuer::new(8).unwrap() };
        let entry = |key: &SigningKey, in_force| Some(RosterEntry::sign(key, store(), 11, in_force, UtcMs(1)));
        let table = [
            (kept(None, "ok"), None),
            (kept(None, "unknown"), None),
            (kept(None, "revoked"), None),
            (kept(None, "duplicate"), Some(Bar::Duplicate)),
            (kept(None, "forked"), Some(Bar::Forked)),
            (kept(None, "unfillable"), Some(Bar::Unfillable)),
            (kept(entry(&hub(), None), "ok"), Some(Bar::Revoked)),
            (kept(entry(&hub(), Some(other)), "forked"), Some(Bar::Replaced)),
            (kept(entry(&SigningKey::from_bytes(&[9; 32]), None), "revoked"), None),
        ];
        for (kept, bar) in table {
            assert_eq!(kept_bar(&kept, &hub_key), bar, "{kept:?}");
        }
    }

    /// The words come one after the other, each kept in `side.db` and read back, as over a restart.
    fn restarted_after(words: &[(Verdict, Word)], change: impl Fn(&mut Kept)) -> Kept {
        let folder = tempfile::tempdir().unwrap();
        let side = data_folder::DataFolder::open(folder.path()).unwrap().side().unwrap().shared_writer().unwrap();
        let hub_key = hub().verifying_key().to_bytes();
        let mut before = kept::kept(&side).unwrap();
        for (verdict, word) in words {
            let mut now = before.clone();
            change(&mut now);
            now.told(*verdict, word.clone(), (&store(), &hub_key));
            kept::keep(&side, &before, &now).unwrap();
            before = kept::kept(&side).unwrap();
            assert_eq!(before, now, "nothing gets lost on the way");
        }
        before
    }

    #[test]
    fn a_fork_is_barred_until_both_agree_and_a_copied_folder_until_the_hub_says_otherwise() {
        let plain = |verdict| (verdict, Word::default());
        let forked = |kept: &mut Kept| kept.forked = Some(Fork::Filling);
        for word in [Verdict::Later, Verdict::Unknown, Verdict::Ok, Verdict::WrongStore] {
            let kept = restarted_after(&[plain(Verdict::Ok), plain(word)], forked);
            assert_eq!(kept.bar(), Some(Bar::Forked), "{word:?}");
        }
        let table = [
            (Verdict::Duplicate, Some(Bar::Duplicate)),
            (Verdict::Later, Some(Bar::Duplicate)),
            (Verdict::Ok, None),
            (Verdict::Unknown, None),
        ];
        for (word, bar) in table {
            let kept = restarted_after(&[plain(Verdict::Duplicate), plain(word)], |_| {});
            assert_eq!(kept.bar(), bar, "{word:?}");
        }
    }

    #[test]
    fn only_a_welcome_says_where_the_hub_is() {
        let moved = Word { address: Some("new-hub:8443".into()), ..Word::default() };
        for silent in [Verdict::Later, Verdict::Duplicate, Verdict::Unknown] {
            let kept = restarted_after(&[(Verdict::Ok, moved.clone()), (silent, Word::default())], |_| {});
            assert_eq!(kept.moved.as_deref(), Some("new-hub:8443"), "{silent:?}");
        }
        let back = restarted_after(&[(Verdict::Ok, moved), (Verdict::Ok, Word::default())], |_| {});
        assert_eq!(back.moved, None);
    }
}
