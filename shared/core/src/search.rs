//! What people type into the search box.

use alloc::string::String;

use crate::{
    limits,
    money::{Fen, parse_yuan},
    normal::{half_width, identifier, is_gap, one_line},
};

/// What a text in the search box may mean. A `43` may be an amount, the head of a number and part of a remark at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// As remarks are stored: [`one_line`].
    pub text: String,
    /// As numbers are stored: digits without their groups, or an [`identifier`].
    pub number: Option<String>,
    /// An amount in yuan.
    pub amount: Option<Fen>,
}

/// Reads the search box.
#[must_use]
pub fn query(text: &str) -> Query {
    let text = one_line(text);
    let digits: String = text.chars().map(half_width).filter(|c| !is_gap(*c)).collect();
    let number = if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        Some(digits)
    } else {
        identifier(&text, limits::BILL_NUMBER_MAX_CHARS).ok()
    };
    let amount = parse_yuan(&text);
    Query { text, number, amount }
}
