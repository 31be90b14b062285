//! Attacks at the doors, with their volumes, against the real programs. Each prints what was tried, what was refused and what it cost.

mod http_doors;
mod http_leaks;
mod http_sessions;
mod quic_enrolment;
mod quic_flood;
mod quic_frames;
mod quic_identity;
mod quic_journal;
mod quic_peer;
mod quic_replay;
mod quic_signatures;
mod quic_strangers;
