//! A fact as people and programs read it: its fields by name. Whatever is kept only to recognise something again (a password's
//! verifier, the hash of a key, of a request, of a payment code) is left out.

use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use minicbor::bytes::ByteArray;

use crate::{
    ids::{AccountId, FactNo, Issuer, OrderNo, StoreId, TillId, Writer},
    money::Fen,
    text::Text,
    time::{Day, UtcMs},
};

/// A value to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The field is not there.
    Absent,
    /// Yes or no.
    Flag(bool),
    /// A number; of money, in fen.
    Number(u64),
    /// A moment.
    Time(UtcMs),
    /// A text, a word or a number that is read as one.
    Text(String),
    /// Fields by name.
    Fields(Vec<(&'static str, Self)>),
}

/// What can be shown.
pub trait Show {
    /// Itself as a value.
    fn show(&self) -> Shown;
}

/// How a body of fields is shown: all of them by name, but for those that are secret. A field that is not listed does not compile.
/// What has secrets prints none of them for debugging either.
macro_rules! show {
    () => {};
    ($type:ident { $($field:ident),* $(,)? }; $($rest:tt)*) => {
        impl $crate::show::Show for $type {
            fn show(&self) -> $crate::show::Shown {
                let Self { $($field),* } = self;
                $crate::show::Shown::Fields(alloc::vec![
                    $((stringify!($field), $crate::show::Show::show($field)),)*
                ])
            }
        }
        $crate::show::show! { $($rest)* }
    };
    ($type:ident { $($field:ident),* $(,)? } without $($secret:ident),+; $($rest:tt)*) => {
        impl $crate::show::Show for $type {
            fn show(&self) -> $crate::show::Shown {
                let Self { $($field,)* $($secret: _),+ } = self;
                $crate::show::Shown::Fields(alloc::vec![
                    $((stringify!($field), $crate::show::Show::show($field)),)*
                ])
            }
        }
        impl core::fmt::Debug for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_struct(stringify!($type))$(.field(stringify!($field), &self.$field))*.finish_non_exhaustive()
            }
        }
        $crate::show::show! { $($rest)* }
    };
}
pub(crate) use show;

impl<T: Show> Show for Option<T> {
    fn show(&self) -> Shown {
        self.as_ref().map_or(Shown::Absent, T::show)
    }
}

/// A text that was erased is told from one that never was.
impl Show for Text {
    fn show(&self) -> Shown {
        self.as_str()
            .map_or_else(|| Shown::Fields(vec![("erased", Shown::Flag(true))]), |text| Shown::Text(text.into()))
    }
}

macro_rules! as_value {
    ($($type:ty, $one:ident => $shown:expr;)*) => {$(
        impl Show for $type {
            fn show(&self) -> Shown {
                let $one = self;
                $shown
            }
        }
    )*};
}

as_value! {
    bool, flag => Shown::Flag(*flag);
    u8, number => Shown::Number((*number).into());
    u32, number => Shown::Number((*number).into());
    Fen, sum => Shown::Number(sum.get());
    UtcMs, at => Shown::Time(*at);
    String, text => Shown::Text(text.clone());
    Day, day => Shown::Text(day.to_string());
    OrderNo, no => Shown::Text(no.to_string());
    FactNo, no => Shown::Text(no.to_string());
    AccountId, id => Shown::Text(id.to_string());
    TillId, id => Shown::Text(id.to_string());
    StoreId, id => Shown::Text(id.to_string());
    Issuer, issuer => Shown::Number(issuer.get().into());
    Writer, writer => Shown::Text(writer.to_string());
    [u8; 32], bytes => Shown::Text(hex(bytes));
    ByteArray<64>, bytes => Shown::Text(hex(&**bytes));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
