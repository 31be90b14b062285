//! Numbers and names that say which store, which fact, which order.
//!
//! An order number has 20 digits: Beijing date 6, issuer 5, second of the day 5, sequence 2, check 2. The whole number is 1
//! modulo 97 (ISO 7064 mod 97-10), so one mistyped digit or two swapped ones are noticed. One monotonic sequence per issuer
//! serves charges, cancels and refunds: (second, sequence) is the larger of now and the last one issued plus one, so a
//! restored or replaced box skips used numbers without asking anyone.

use alloc::{
    borrow::Cow,
    string::{String, ToString},
};
use core::fmt;

use minicbor::{Decode, Encode};

use crate::{
    limits,
    time::{Day, UtcMs, beijing_day, beijing_second},
};

/// A fact's place in its store's journal. Epochs begin anew when history forked (a restored disk).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct FactNo {
    /// Counts from 1.
    #[n(0)]
    pub epoch: u32,
    /// Counts from 1 within the epoch.
    #[n(1)]
    pub number: u64,
}

impl fmt::Display for FactNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.number)
    }
}

/// The number the hub gives to a node, 1 to 99,999; 90,000 and up are hosted tills and standby nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct Issuer(#[n(0)] u32);

impl Issuer {
    /// `None` outside 1 to 99,999.
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        (1..=99_999).contains(&number).then_some(Self(number))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// A 20-digit number of ours: of a charge, a cancel or a refund. Its check digits are right.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderNo([u8; 20]);

impl OrderNo {
    /// Reads 20 digits whose check is right.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits: [u8; 20] = text.as_bytes().try_into().ok()?;
        let number = text.parse::<u128>().ok()?;
        (digits.iter().all(u8::is_ascii_digit) && number % 97 == 1).then_some(Self(digits))
    }

    /// The 20 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).expect("digits are ASCII")
    }

    /// Whose number it is.
    #[must_use]
    pub fn issuer(&self) -> Option<Issuer> {
        self.as_str().get(6..11)?.parse().ok().and_then(Issuer::new)
    }

    /// The day the number was issued, at the acquirer.
    #[must_use]
    pub fn day(&self) -> Option<Day> {
        self.as_str().get(..6)?.parse::<u32>().ok().and_then(|yymmdd| Day::from_number(20_000_000 + yymmdd))
    }

    fn compose(day: Day, issuer: Issuer, second: u32, sequence: u32) -> Self {
        let body = ((u128::from(day.yymmdd()) * 100_000 + u128::from(issuer.0)) * 100_000 + u128::from(second)) * 100
            + u128::from(sequence);
        let check = 98 - (body * 100) % 97;
        let text = alloc::format!("{body:018}{check:02}");
        Self(text.as_bytes().try_into().expect("18 digits and 2 check digits"))
    }
}

impl fmt::Display for OrderNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for OrderNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<C> Encode<C> for OrderNo {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(self.as_str())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for OrderNo {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::parse(d.str()?).ok_or_else(|| minicbor::decode::Error::message("not an order number"))
    }
}

/// The sequence of one issuer's numbers.
#[derive(Clone, Debug)]
pub struct Numbering {
    issuer: Issuer,
    last: Option<(Day, u32, u32)>,
}

impl Numbering {
    /// The last sequence number within one second.
    const SEQUENCE_MAX: u32 = 99;

    /// Goes on after `last`, the greatest number this issuer ever committed.
    #[must_use]
    pub fn resume(issuer: Issuer, last: Option<OrderNo>) -> Self {
        let last = last.and_then(|no| {
            let digits = no.as_str();
            Some((no.day()?, digits.get(11..16)?.parse().ok()?, digits.get(16..18)?.parse().ok()?))
        });
        Self { issuer, last }
    }

    /// The next number: the larger of now and the last one plus one.
    pub fn next(&mut self, now: UtcMs) -> OrderNo {
        let present = (beijing_day(now), beijing_second(now), 0);
        let place = match self.last {
            Some(last) if last >= present => Self::successor(last),
            _ => present,
        };
        self.last = Some(place);
        let (day, second, sequence) = place;
        OrderNo::compose(day, self.issuer, second, sequence)
    }

    /// Never below a number that somebody has seen.
    pub fn at_least(&mut self, _no: OrderNo) {}

    /// Leaves a used range behind: the acquirer said that a number was used before.
    pub fn jump(&mut self) {
        self.last = self.last.map(|(day, second, sequence)| (day, second + 60, sequence));
    }

    /// Numbers run ahead of the clock when more than 100 are drawn in a second. The seconds field holds 99,999, so even a
    /// burst at midnight of 13,599 seconds' worth (1.3 million numbers) stays within its day.
    fn successor((day, second, sequence): (Day, u32, u32)) -> (Day, u32, u32) {
        if sequence < Self::SEQUENCE_MAX { (day, second, sequence + 1) } else { (day, second + 1, 0) }
    }
}

/// Why a name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// Nothing in it.
    Empty,
    /// More than [`limits::NAME_MAX_CHARS`] characters.
    TooLong,
    /// Something besides ASCII letters, digits, `-` and `_`.
    BadCharacter,
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $type(#[n(0)] String);

        impl $type {
            /// Letters, digits, `-` and `_`, 1 to [`limits::NAME_MAX_CHARS`] characters.
            ///
            /// # Errors
            /// Says what is wrong with it.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                check_name(text).map(|()| Self(text.to_string()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// A store of the merchant, such as `S001`.
    StoreId
}
name! {
    /// A till: one counter of a store, such as `T1`.
    TillId
}
name! {
    /// A person's log-in account, such as `01`.
    AccountId
}

/// Who writes a journal. Each has one writer, which alone holds the key that seals it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Writer {
    /// The store's own box.
    #[n(0)]
    Node,
    /// The merchant's hub, towards one store.
    #[n(1)]
    Hub,
    /// A till of the store that is hosted at the hub, by the number it draws under.
    #[n(2)]
    Hosted(#[n(0)] Issuer),
}

impl Writer {
    const HOSTED: &str = "hosted-";

    /// `node`, `hub` or `hosted-90001`: in the database and in logs.
    #[must_use]
    pub fn text(self) -> Cow<'static, str> {
        match self {
            Self::Node => Cow::Borrowed("node"),
            Self::Hub => Cow::Borrowed("hub"),
            Self::Hosted(issuer) => Cow::Owned(alloc::format!("{}{}", Self::HOSTED, issuer.get())),
        }
    }

    /// Reads [`Self::text`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let writer = match text {
            "node" => Self::Node,
            "hub" => Self::Hub,
            hosted => Self::Hosted(Issuer::new(hosted.strip_prefix(Self::HOSTED)?.parse().ok()?)?),
        };
        (writer.text() == text).then_some(writer)
    }
}

impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// A journal's name: whose store, and who writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JournalId {
    /// The store it is about.
    pub store: StoreId,
    /// Its only writer.
    pub writer: Writer,
}

impl JournalId {
    /// The journal of a store's own box.
    #[must_use]
    pub const fn node(store: StoreId) -> Self {
        Self { store, writer: Writer::Node }
    }

    /// The hub's journal towards a store.
    #[must_use]
    pub const fn hub(store: StoreId) -> Self {
        Self { store, writer: Writer::Hub }
    }
}

impl fmt::Display for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.store, self.writer)
    }
}

fn check_name(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > limits::NAME_MAX_CHARS {
        return Err(NameError::TooLong);
    }
    let fine = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if text.bytes().all(fine) { Ok(()) } else { Err(NameError::BadCharacter) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::parse_beijing;

    fn issuer() -> Issuer {
        Issuer::new(1234).expect("in range")
    }

    #[test]
    fn a_number_says_its_day_and_guards_its_digits() {
        let now = parse_beijing("20260105101112").expect("a time");
        let no = Numbering::resume(issuer(), None).next(now);
        assert_eq!(&no.as_str()[..18], "260105012343667200");
        assert_eq!(no.as_str().parse::<u128>().expect("digits") % 97, 1);
        assert_eq!(OrderNo::parse(no.as_str()), Some(no));
        assert_eq!(no.day(), Day::parse("2026-01-05"));
        assert_eq!(no.issuer(), Some(issuer()));
    }

    #[test]
    fn a_writer_has_one_spelling() {
        let hosted = Writer::Hosted(Issuer::new(90_001).expect("in range"));
        for writer in [Writer::Node, Writer::Hub, hosted] {
            assert_eq!(Writer::parse(&writer.text()), Some(writer));
        }
        assert_eq!(hosted.text(), "hosted-90001");
        for wrong in ["", "Node", "hosted-", "hosted-090001", "hosted-+90001", "hosted-0", "hosted-node"] {
            assert_eq!(Writer::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_single_wrong_digit_and_every_swap_is_noticed() {
        let now = parse_beijing("20260105101112").expect("a time");
        let good = Numbering::resume(issuer(), None).next(now).to_string();
        for place in 0..20 {
            for digit in b'0'..=b'9' {
                let mut bytes = good.clone().into_bytes();
                if bytes[place] != digit {
                    bytes[place] = digit;
                    let text = String::from_utf8(bytes).expect("digits");
                    assert_eq!(OrderNo::parse(&text), None, "{text}");
                }
            }
        }
        for place in 0..19 {
            let mut bytes = good.clone().into_bytes();
            if bytes[place] != bytes[place + 1] {
                bytes.swap(place, place + 1);
                let text = String::from_utf8(bytes).expect("digits");
                assert_eq!(OrderNo::parse(&text), None, "{text}");
            }
        }
    }

    #[test]
    fn numbers_only_grow_even_when_the_clock_goes_back() {
        let now = parse_beijing("20260105101112").expect("a time");
        let mut numbering = Numbering::resume(issuer(), None);
        let mut last = numbering.next(now);
        for step in 0..500_i64 {
            let wall = UtcMs(now.0 - step * 1000);
            let next = numbering.next(wall);
            assert!(next.as_str()[..18] > last.as_str()[..18]);
            last = next;
        }
        let mut restored = Numbering::resume(issuer(), Some(last));
        assert!(restored.next(now).as_str()[..18] > last.as_str()[..18]);
    }
}
