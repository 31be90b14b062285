//! What families of facts share: each lists its kinds with their numbers, and from the list follows how they are written and
//! read. The journal takes all families together ([`crate::journal::fact`]).

use alloc::vec::Vec;

use minicbor::{Encode, Encoder};

/// Why bytes are not a fact we can digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactError {
    /// Not canonical CBOR of the form `[kind, body]`, or too long: refused from a peer.
    Malformed,
    /// A kind this version does not know: stored as it is, flagged, relayed.
    UnknownKind(u16),
    /// A known kind whose body lacks something: stored as it is and flagged.
    Undigestible,
}

/// One kind of a family: the body of a fact.
pub trait Kind: Sized {
    /// The facts it is one of.
    type Family: From<Self>;
}

/// A family of facts: its enum, and what follows from its list of kinds. A kind's texts stand in brackets.
macro_rules! family {
    ($($(#[$doc:meta])* $kind:literal => $name:ident $([$($text:ident),+])?,)*) => {
        /// What can happen here.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Fact {
            $($(#[$doc])* $name($name),)*
        }

        impl Fact {
            /// The names of all kinds.
            pub const NAMES: &[&str] = &[$(stringify!($name)),*];

            /// The name of the kind, for people and logs.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)*
                }
            }

            /// When this store recorded it.
            #[must_use]
            pub const fn at(&self) -> $crate::time::UtcMs {
                match self {
                    $(Self::$name(fact) => fact.at,)*
                }
            }

            /// Its fields by name, without secrets.
            #[must_use]
            pub fn show(&self) -> $crate::show::Shown {
                match self {
                    $(Self::$name(fact) => $crate::show::Show::show(fact),)*
                }
            }

            pub(crate) fn to_bytes(&self) -> alloc::vec::Vec<u8> {
                match self {
                    $(Self::$name(fact) => $crate::family::encode($kind, fact),)*
                }
            }

            /// None if no kind of this family has the number.
            pub(crate) fn decode(kind: u16, body: &[u8]) -> Option<Result<Self, $crate::family::FactError>> {
                use $crate::family::FactError;
                match kind {
                    $($kind => Some(minicbor::decode(body).map(Self::$name).map_err(|_| FactError::Undigestible)),)*
                    _ => None,
                }
            }

            pub(crate) fn texts_mut(&mut self) -> alloc::vec::Vec<&mut $crate::text::Text> {
                match self {
                    $(Self::$name(_fact) => {
                        #[allow(unused_mut, reason = "most kinds have no text")]
                        let mut texts = alloc::vec::Vec::new();
                        $($(texts.extend(_fact.$text.iter_mut());)+)?
                        texts
                    })*
                }
            }
        }

        $(
            impl From<$name> for Fact {
                fn from(fact: $name) -> Self {
                    Self::$name(fact)
                }
            }

            impl $crate::family::Kind for $name {
                type Family = Fact;
            }
        )*
    };
}
pub(crate) use family;

pub(crate) fn encode<T: Encode<()>>(kind: u16, body: &T) -> Vec<u8> {
    let mut e = Encoder::new(Vec::new());
    let written = e.array(2).and_then(|e| e.u16(kind)).and_then(|e| e.encode(body)).is_ok();
    debug_assert!(written, "memory takes everything, and texts are committed to first");
    e.into_writer()
}
