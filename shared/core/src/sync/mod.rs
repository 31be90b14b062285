//! Sync: two single-writer journals and a set of documents over one session, the same in both directions.
//!
//! [`drive`] ties a session to bytes and jobs, for shells and for the simulator alike; a node's stand with its hub is
//! [`member`], its pace of calling [`pace`].
//!
//! ```text
//! in:   handle(now, frame)  wake(now)  appended(upto)  loaded(writer, facts)  head_at(no, hash)  persisted(token)  writable(room)
//!       recall(places, seal)  give_back(from, head)                                                (after a fork)
//!       documents_digest(digest)  document_message(doc, bytes)  status(now, status)  hang_up(reason)
//!       authorised(now, answer)  enrolled(answer)                                                        (hub only)
//! out:  poll() -> Option<Output>   next_wake() -> Option<Ticks>
//! ```
//!
//! 1. The node says hello, the hub answers; both are signed over the channel. Before that nothing else is heard.
//! 2. Each end says how far its own journal reaches (`Have`) and from where it wants the other's (`Want`, with the last seal it
//!    holds). The writer compares that seal with its own journal: a difference is a fork, and the seal proves it.
//! 3. The writer sends chunks; the receiver recomputes every hash, checks the seal at the end of a commit, has the whole commit
//!    made durable and only then acknowledges. A gap, a wrong hash or a wrong seal ends the session with nothing taken.
//! 4. Nothing is ever sent twice within a session; after a cut the next `Want` says where to go on.
//! 5. A box that was put back to an older copy asks for what the hub holds of its journal (`Recall`), and takes it: its own facts
//!    after the fork are entered again behind it, in a new epoch.
//! 6. A hash over all documents says whether there is anything to talk about; what is said is automerge's business.

pub mod contract;
pub mod drive;
pub mod fault;
pub mod frame;
pub mod journal_lane;
pub mod kept;
pub mod lost;
pub mod member;
pub mod pace;
pub mod session;
pub mod version;
pub mod wire;

mod document_lane;

#[cfg(test)]
mod pair;
#[cfg(test)]
mod tests;
