//! guitai-link: the network shells both ends need.
//!
//! QUIC between node and hub ([`quic`], with identities that are raw public keys, [`identity`]), the driver that carries a
//! session of the core over it ([`session`]), the pace of reconnecting ([`backoff`]), and the HTTPS client that carries the
//! core's acquirer codecs ([`acquirer`]). Nothing here decides: what to say and what an answer means is the core's.

pub mod acquirer;
pub mod backoff;
pub mod identity;
mod pipe;
pub mod quic;
pub mod session;
