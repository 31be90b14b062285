//! What a test has switched on at the acquirer. It lasts until it is switched off or the program ends.

use guitai_core::secret::Wallet;
use serde::Deserialize;

/// All of it; the default is an acquirer at its best.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// Every new refund is refused: the merchant's funds are too small.
    pub refuse_refunds: bool,
    /// Every cancel is refused likewise.
    pub refuse_cancels: bool,
    /// How signed answers are spelled.
    pub odd: Odd,
    /// Somebody else has the number of the next such call.
    pub occupied: Option<Occupied>,
}

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// `scanqrpay`.
    Charge,
    /// `cancel`.
    Cancel,
    /// `refund`.
    Refund,
}

/// How signed answers are spelled: lawful JSON, signed over what is sent, that a hasty client does not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Odd {
    /// All values are texts.
    #[default]
    Off,
    /// Nulls, which nobody signs.
    Null,
    /// Numbers wherever a text is one, and some that change when they are parsed.
    Number,
    /// Booleans.
    Bool,
    /// An object and an array with spaces of their own.
    Object,
    /// A byte order mark first.
    Bom,
    /// Any order, and one member twice.
    Shuffle,
    /// Refusals state another amount.
    RefusalAmount,
}

/// A trade of somebody else under a number that the merchant is about to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occupied {
    /// The call that finds its number used; the other trade is of the same kind.
    pub what: What,
    /// The other trade's amount; without it the call's.
    pub amount_fen: Option<u64>,
    /// The other charge's wallet; without it the call's.
    pub wallet: Option<Wallet>,
    /// How long ago it was done, sandbox time.
    pub age_ms: i64,
}

impl Switches {
    /// The other trade, if one waits for such a call; it waits for one only.
    pub fn take_occupied(&mut self, what: What) -> Option<Occupied> {
        self.occupied.take_if(|occupied| occupied.what == what)
    }
}
