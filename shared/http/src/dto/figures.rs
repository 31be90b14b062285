//! A day's figures.

use guitai_core::{ids::StoreId, time::Day};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{people::NameId, value::WalletDto};
use crate::{
    paging::{FromParams, Params},
    problem::Problem,
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
