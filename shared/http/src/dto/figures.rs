//! A day's figures.

use guitai_core::{ids::StoreId, money::Fen, time::Day};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{people::NameId, value::WalletDto};
use crate::{
    paging::{FromParams, Params},
    problem::{Code, Problem},
    time::{Date, Time},
};

/// `GET /stats/day` of a node, `GET /stats` of the hub.
#[derive(Clone, Debug, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DayQuery {
    /// The business day; today when absent.
    #[param(value_type = Option<String>, format = Date)]
    pub date: Option<Day>,
    /// One store; only at the hub.
    #[param(value_type = Option<String>)]
    pub store: Option<StoreId>,
}

impl FromParams for DayQuery {
    fn read(params: &mut Params) -> Result<Self, Problem> {
        Ok(Self { date: params.day("date")?, store: params.parsed("store", |text| StoreId::parse(text).ok())? })
    }
}

/// How many, and how much in fen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// How much, in fen.
    pub sum_fen: u64,
}

impl Tally {
    /// Counts so many more.
    ///
    /// # Errors
    /// 500 if the sum has no place in its type: a figure that stops growing would be taken for the truth.
    pub fn count(&mut self, number: u64, sum: Fen) -> Result<(), Problem> {
        let (count, sum_fen) = (self.count.checked_add(number), self.sum_fen.checked_add(sum.get()));
        *self = Self { count: count.ok_or_else(beyond)?, sum_fen: sum_fen.ok_or_else(beyond)? };
        Ok(())
    }
}

/// What came in less what went back, in fen.
///
/// # Errors
/// 500 if it has no place in its type.
pub fn net_fen(paid: Tally, back: &[Tally]) -> Result<i64, Problem> {
    let signed = |tally: &Tally| i64::try_from(tally.sum_fen).map_err(|_| beyond());
    back.iter().try_fold(signed(&paid)?, |net, back| net.checked_sub(signed(back)?).ok_or_else(beyond))
}

fn beyond() -> Problem {
    tracing::error!("a sum of fen has no place in its type: a row must be damaged");
    Problem::new(Code::Internal)
}

/// `GET /stats/day`: a day's figures of a store; at the hub a part of [`HubStats`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stats {
    /// The business day.
    pub date: Date,
    /// The store; absent when several are summed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub store: Option<NameId>,
    /// When they were read.
    pub as_of: Time,
    /// Charges paid, as asked.
    pub paid: Tally,
    /// What of them discounts took off.
    #[serde(default)]
    pub discounted: Tally,
    /// Given back whole.
    pub voided: Tally,
    /// Given back in part.
    pub refunded: Tally,
    /// Paid less given back, in fen; negative when more went back than came in.
    pub net_fen: i64,
    /// Not known yet.
    pub unknown: Tally,
    /// By wallet.
    pub by_wallet: Vec<WalletTally>,
    /// By cashier.
    pub by_cashier: Vec<CashierTally>,
    /// By hour of the store's clock.
    pub by_hour: Vec<HourTally>,
}

/// `GET /stats` of the hub: a day's figures, and which stores are in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HubStats {
    /// The figures.
    #[serde(flatten)]
    pub stats: Stats,
    /// How many stores are in these figures up to now.
    pub stores_reporting: u64,
    /// How many stores there are.
    pub stores_total: u64,
    /// By store.
    pub by_store: Vec<StoreTally>,
}

/// One wallet's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WalletTally {
    /// Whose.
    pub wallet: WalletDto,
    /// Charges paid.
    pub paid: Tally,
    /// Given back.
    pub refunded: Tally,
}

/// One cashier's part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CashierTally {
    /// The account.
    pub cashier: String,
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// Charges paid.
    pub paid: Tally,
    /// Given back.
    pub refunded: Tally,
}

/// One hour's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HourTally {
    /// 0 to 23.
    pub hour: u8,
    /// Charges paid.
    pub count: u64,
    /// In fen.
    pub sum_fen: u64,
}

/// One store's part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoreTally {
    /// The store.
    pub store: String,
    /// Its name.
    pub name: String,
    /// Charges paid.
    pub paid: Tally,
    /// Given back.
    pub refunded: Tally,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_without_a_place_is_an_error_and_no_figure() {
        let mut tally = Tally { count: 1, sum_fen: u64::MAX - 5 };
        tally.count(1, Fen::new(5)).unwrap();
        assert_eq!(tally, Tally { count: 2, sum_fen: u64::MAX });
        assert_eq!(tally.count(1, Fen::new(1)).unwrap_err().code(), Code::Internal);
        assert_eq!(tally, Tally { count: 2, sum_fen: u64::MAX }, "nothing is half counted");

        let of = |sum_fen| Tally { count: 1, sum_fen };
        assert_eq!(net_fen(of(500), &[of(200), of(400)]).unwrap(), -100, "more went back than came in");
        assert_eq!(net_fen(of(1 << 63), &[]).unwrap_err().code(), Code::Internal);
        assert_eq!(net_fen(of(0), &[of(1 << 63)]).unwrap_err().code(), Code::Internal);
        let most = of(i64::MAX.unsigned_abs());
        assert_eq!(net_fen(of(0), &[most, most]).unwrap_err().code(), Code::Internal);
    }
}
