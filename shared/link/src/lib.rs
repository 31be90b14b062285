//! guitai-link: the network shells both ends need.
//!
//! QUIC between node and hub ([`quic`], with identities that are raw public keys, [`identity`]), what carries a session of the
//! core over it ([`session`]), and the HTTPS client that carries the core's acquirer codecs ([`acquirer`]). Nothing here decides:
//! what to say and what an answer means is the core's.

pub mod acquirer;
pub mod identity;
mod pipe;
pub mod quic;
pub mod session;
