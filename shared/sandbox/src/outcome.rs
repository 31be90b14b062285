//! How an order's life goes, by the last two digits of its charge's amount: one table, in words that fit every
//! acquirer.

use serde::{Deserialize, Serialize};

/// An order's whole life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// What becomes of the money unless somebody reverses it.
    pub course: Course,
    /// How the answer to the charge travels. Answers to queries always arrive.
    pub manner: Manner,
    /// What a reversal meets while the order is pending or paid.
    pub reversal: OnReversal,
    /// Which amounts the answers state.
    pub amounts: Amounts,
}

/// What becomes of the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// Taken with the charge.
    PaidAtOnce,
    /// The customer acts; this query is the first to say paid.
    PaidAtQuery(u32),
    /// The customer acts for ever.
    Pending,
    /// The customer acts; this query is the first to say refused.
    RefusedAtQuery(u32, Denial),
    /// Refused with the charge.
    Refused(Denial),
    /// The acquirer loses the order: no money, and nobody knows it.
    Lost,
    /// Answered as pending, then unknown to queries, then taken this long after the charge.
    HiddenUntilPaid {
        /// Sandbox time.
        after_ms: i64,
    },
}

/// How an answer travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As it should.
    Whole,
    /// Not at all.
    Silent,
    /// As a system error.
    SystemError,
    /// With a wrong signature.
    WrongSignature,
    /// As an HTML page with status 200.
    HtmlPage,
    /// As HTTP 502.
    BadGateway,
    /// The line is cut half-way.
    CutShort,
}

/// What a reversal meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnReversal {
    /// It works.
    Done,
    /// The first is abnormal and stays so, later ones work.
    AbnormalOnce,
    /// Every one is refused, and after the first the customer pays.
    RefusedThenPaid,
    /// It works, and the customer's money is taken all the same, this long after it.
    DoneThenPaid {
        /// Sandbox time.
        after_ms: i64,
    },
}

/// Which amounts answers state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amounts {
    /// The true one.
    True,
    /// One fen more than the true one.
    OneMore,
    /// The true one before a discount of a tenth.
    Discounted,
}

impl Amounts {
    /// What the customer pays of this amount.
    #[must_use]
    pub fn received_fen(self, amount_fen: u64) -> u64 {
        match self {
            Self::True | Self::OneMore => amount_fen,
            Self::Discounted => amount_fen.saturating_sub((amount_fen / 10).max(1)),
        }
    }
}

/// Why money is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Denial {
    /// The customer pressed cancel.
    UserCancelled,
    /// The wallet holds too little.
    BalanceTooSmall,
    /// The payment code ran out.
    CodeExpired,
    /// The payment code was used in another order.
    CodeUsed,
    /// That is no payment code.
    CodeMalformed,
    /// Trade control says no.
    Risk,
}

/// How a refund goes, by the last two digits of its own amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundCourse {
    /// Done with the call.
    AtOnce,
    /// In process; this query is the first to say done.
    DoneAtQuery(u32),
    /// In process; this query is the first to say refused.
    RefusedAtQuery(u32),
}

const PAID: Ending =
    Ending { course: Course::PaidAtOnce, manner: Manner::Whole, reversal: OnReversal::Done, amounts: Amounts::True };
const PENDING: Ending = Ending { course: Course::Pending, ..PAID };
const LOST: Ending = Ending { course: Course::Lost, ..PAID };

/// Every ending that is not plain.
const ENDINGS: [(u64, Ending); 21] = [
    (2, Ending { course: Course::PaidAtQuery(3), ..PAID }),
    (3, PENDING),
    (4, Ending { course: Course::RefusedAtQuery(2, Denial::UserCancelled), ..PAID }),
    (5, Ending { manner: Manner::Silent, ..PAID }),
    (6, Ending { manner: Manner::Silent, ..LOST }),
    (7, Ending { manner: Manner::SystemError, ..PAID }),
    (8, Ending { manner: Manner::SystemError, ..LOST }),
    (9, Ending { course: Course::Refused(Denial::BalanceTooSmall), ..PAID }),
    (10, Ending { course: Course::Refused(Denial::CodeExpired), ..PAID }),
    (11, Ending { course: Course::Refused(Denial::Risk), ..PAID }),
    (12, Ending { manner: Manner::WrongSignature, ..PAID }),
    (13, Ending { amounts: Amounts::OneMore, ..PAID }),
    (14, Ending { manner: Manner::HtmlPage, ..PAID }),
    (15, Ending { manner: Manner::BadGateway, ..LOST }),
    (16, Ending { manner: Manner::CutShort, ..PAID }),
    (17, Ending { course: Course::HiddenUntilPaid { after_ms: 20_000 }, ..PAID }),
    (18, Ending { reversal: OnReversal::AbnormalOnce, ..PENDING }),
    (19, Ending { reversal: OnReversal::RefusedThenPaid, ..PENDING }),
    (22, Ending { amounts: Amounts::Discounted, ..PAID }),
    (25, Ending { reversal: OnReversal::DoneThenPaid { after_ms: 30_000 }, ..PENDING }),
    // 23 and 24 differ in notices only, 20 and 21 in refunds only.
    (1, PAID),
];

/// The ending of a charge of this amount; everything outside the table is paid at once.
#[must_use]
pub fn ending(amount_fen: u64) -> Ending {
    let digits = amount_fen % 100;
    ENDINGS.iter().find(|(known, _)| *known == digits).map_or(PAID, |(_, ending)| *ending)
}

/// The course of a refund of this amount.
#[must_use]
pub const fn refund_course(amount_fen: u64) -> RefundCourse {
    match amount_fen % 100 {
        20 => RefundCourse::DoneAtQuery(3),
        21 => RefundCourse::RefusedAtQuery(3),
        _ => RefundCourse::AtOnce,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_once_and_the_rest_is_paid() {
        for (at, (digits, _)) in ENDINGS.iter().enumerate() {
            assert!(ENDINGS.iter().skip(at + 1).all(|(other, _)| other != digits), "{digits} twice");
        }
        for plain in [0, 1, 20, 21, 23, 24, 26, 99, 10_000, 12_345_699] {
            assert_eq!(ending(plain), PAID, "{plain}");
        }
        assert_eq!(ending(1003), PENDING);
        assert_eq!(refund_course(320), RefundCourse::DoneAtQuery(3));
        assert_eq!(refund_course(300), RefundCourse::AtOnce);
    }
}
