//! What the event streams carry, and under which names.

use guitai_core::secret::CodeError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    payment::Payment,
    state::{StoreRow, Sync},
    value::{WalletDto, words},
};
use crate::sse::{News, RESYNC};

/// The events of a node's `GET /events` by name. Never sent as one: it is for the description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct NodeEvents {
    /// A payment changed.
    pub payment: Payment,
    /// The line to the hub changed.
    pub sync: Sync,
    /// An announcement changed.
    pub notice: NoticeNews,
    /// The scan box read something.
    pub scan: ScanNews,
    /// Some events are gone.
    pub resync: Resync,
}

/// The events of the hub's `GET /events` by name. Never sent as one: it is for the description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HubEvents {
    /// A payment changed.
    pub payment: Payment,
    /// A store's line or day changed.
    pub store: StoreRow,
    /// Some events are gone.
    pub resync: Resync,
}

/// The event `notice`: an announcement changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoticeNews {
    /// Which.
    pub id: String,
    /// Its title.
    pub title: String,
}

/// The event `scan`: what the scan box read at a till.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ScanNews {
    /// A payment code, which stays in the node.
    Code {
        /// At which till.
        till: String,
        /// Stands for the code in `POST /payments`.
        token: String,
        /// Whose code it looks like.
        wallet: WalletDto,
        /// Its last two characters.
        last_two: String,
    },
    /// Something else; its text is not shown.
    Refused {
        /// At which till.
        till: String,
        /// What it is instead.
        refused: NotACode,
    },
}

/// The event `resync`: events are gone, so what is shown may be stale; read it anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resync {}

words! {
    /// What a scan is instead of a payment code.
    NotACode {
        /// Nothing.
        Empty "empty",
        /// The bar code of goods.
        GoodsCode "goods_code",
        /// A link.
        Link "link",
        /// It holds more than digits.
        NotDigits "not_digits",
        /// It is too short or too long.
        Length "length",
        /// The number of an order.
        OrderNo "order_no",
    }
}

impl From<CodeError> for NotACode {
    fn from(error: CodeError) -> Self {
        match error {
            CodeError::Empty => Self::Empty,
            CodeError::GoodsCode => Self::GoodsCode,
            CodeError::Link => Self::Link,
            CodeError::NotDigits => Self::NotDigits,
            CodeError::Length => Self::Length,
            CodeError::OrderNo => Self::OrderNo,
        }
    }
}

impl News for Payment {
    const NAME: &'static str = "payment";
}

impl News for Sync {
    const NAME: &'static str = "sync";
}

impl News for StoreRow {
    const NAME: &'static str = "store";
}

impl News for NoticeNews {
    const NAME: &'static str = "notice";
}

impl News for ScanNews {
    const NAME: &'static str = "scan";
}

impl News for Resync {
    const NAME: &'static str = RESYNC;
}

#[cfg(test)]
mod tests {
    use super::*;
    use utoipa::PartialSchema;

    #[test]
    fn events_are_described_under_the_names_they_are_sent_with() {
        let described = |schema: &utoipa::openapi::RefOr<utoipa::openapi::Schema>| {
            let json = serde_json::to_value(schema).unwrap();
            let members = json["properties"].as_object().unwrap();
            members.iter().map(|(name, of)| (name.clone(), of["$ref"].as_str().unwrap().to_owned())).collect::<Vec<_>>()
        };
        let sent = |name: &str, schema: &str| (name.to_owned(), format!("#/components/schemas/{schema}"));
        let mut node = described(&NodeEvents::schema());
        node.sort();
        let mut expected = [
            sent(Payment::NAME, "Payment"),
            sent(Sync::NAME, "Sync"),
            sent(NoticeNews::NAME, "NoticeNews"),
            sent(ScanNews::NAME, "ScanNews"),
            sent(Resync::NAME, "Resync"),
        ];
        expected.sort();
        assert_eq!(node, expected);
        let mut hub = described(&HubEvents::schema());
        hub.sort();
        let mut expected =
            [sent(Payment::NAME, "Payment"), sent(StoreRow::NAME, "StoreRow"), sent(Resync::NAME, "Resync")];
        expected.sort();
        assert_eq!(hub, expected);
    }

    #[test]
    fn a_scan_is_one_of_two_shapes_without_a_tag() {
        let refused = ScanNews::Refused { till: "1".into(), refused: CodeError::GoodsCode.into() };
        assert_eq!(
            serde_json::to_value(&refused).unwrap(),
            serde_json::json!({ "till": "1", "refused": "goods_code" })
        );
    }
}
