//! An order number has 20 digits: day 5 (days since 2000-01-01, Beijing), issuer 6, second of the day 5, sequence 2, check 2.
//! The whole number is 1 modulo 97 (ISO 7064 mod 97-10), so one mistyped digit or two swapped ones are noticed. One monotonic
//! sequence per issuer serves charges, cancels and refunds: (day, second, sequence) is the larger of now and the last one
//! issued plus one, so a restored box skips used numbers without asking anyone. Now is read to the hundredth of a second, which
//! is the sequence: two boxes on copies of one folder, who share an issuer until the hub parts them, would draw the same number
//! in every second in which both trade, a void here under the number of a charge there.

use core::fmt;

use minicbor::{Decode, Encode};

use super::Issuer;
use crate::{
    limits,
    time::{Day, UtcMs, beijing_day, beijing_second},
};

/// A 20-digit number of ours: of a charge, a cancel or a refund. Its check digits are right.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderNo([u8; 20]);

impl OrderNo {
    /// Reads 20 digits whose check is right, whose day is one of [`limits::ORDER_DAYS`] and whose issuer is not 0.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits: [u8; 20] = text.as_bytes().try_into().ok()?;
        let number = text.parse::<u128>().ok()?;
        let no = Self(digits);
        let whole = digits.iter().all(u8::is_ascii_digit) && number % 97 == 1;
        (whole && limits::ORDER_DAYS.contains(&no.field(0..5)) && no.issuer().is_some()).then_some(no)
    }

    /// The 20 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).expect("digits are ASCII")
    }

    /// Whose number it is; always `Some` for a number that was parsed or issued.
    #[must_use]
    pub fn issuer(&self) -> Option<Issuer> {
        Issuer::new(self.field(5..11))
    }

    /// The day the number was issued, in Beijing.
    #[must_use]
    pub fn day(&self) -> Option<Day> {
        Day::from_count(self.field(0..5))
    }

    /// Where it stands among all numbers, whoever issued them: by day, second and sequence, as [`Numbering`] draws them.
    #[must_use]
    pub fn rank(&self) -> u64 {
        self.place().0
    }

    fn compose(place: Position, issuer: Issuer) -> Self {
        let Position(place) = place;
        let (day, second, sequence) = (
            place / (Position::SECONDS * Position::SEQUENCES),
            place / Position::SEQUENCES % Position::SECONDS,
            place % Position::SEQUENCES,
        );
        let body = (u128::from(day) * 1_000_000 + u128::from(issuer.0)) * 10_000_000
            + u128::from(second) * 100
            + u128::from(sequence);
        let check = 98 - (body * 100) % 97;
        let text = alloc::format!("{body:018}{check:02}");
        Self(text.as_bytes().try_into().expect("18 digits and 2 check digits"))
    }

    fn place(&self) -> Position {
        Position::new(self.field(0..5), self.field(11..16), self.field(16..18))
    }

    fn field(&self, digits: core::ops::Range<usize>) -> u32 {
        self.0[digits].iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
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

/// Where a number stands among its issuer's: day, second and sequence read as one number, so that the next place is one more.
/// A burst that uses up its second, or its day's 100,000 seconds, runs on into the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Position(u64);

impl Position {
    const SECONDS: u64 = 100_000;
    const SEQUENCES: u64 = 100;

    fn new(day: u32, second: u32, sequence: u32) -> Self {
        Self((u64::from(day) * Self::SECONDS + u64::from(second)) * Self::SEQUENCES + u64::from(sequence))
    }

    /// A clock outside the days that numbers know stands at their edge.
    fn at(now: UtcMs) -> Self {
        let (first, last) = (*limits::ORDER_DAYS.start(), *limits::ORDER_DAYS.end());
        let hundredth = u32::try_from(now.0.rem_euclid(1000) / 10).unwrap_or(0);
        Self::new(beijing_day(now).count().unwrap_or(first).clamp(first, last), beijing_second(now), hundredth)
    }

    /// Past the last place of all the same number comes again, which the journal's unique index refuses.
    fn after(self, places: u64) -> Self {
        let last = Self::new(*limits::ORDER_DAYS.end(), 99_999, 99);
        Self(self.0.saturating_add(places)).min(last)
    }
}

/// The sequence of one issuer's numbers.
#[derive(Clone, Debug)]
pub struct Numbering {
    issuer: Issuer,
    last: Position,
    stride_s: u64,
}

impl Numbering {
    /// The first jump over numbers that turned out to be used, in seconds' worth of numbers.
    const STRIDE_FIRST_S: u64 = 60;

    /// Jumps grow up to a day's worth.
    const STRIDE_MAX_S: u64 = 86_400;

    /// Goes on after `last`, the greatest number this box knows to be issued.
    #[must_use]
    pub fn resume(issuer: Issuer, last: Option<OrderNo>) -> Self {
        let last = last.map_or(Position::default(), |no| no.place());
        Self { issuer, last, stride_s: Self::STRIDE_FIRST_S }
    }

    /// The next number: the larger of now and the last one plus one.
    pub fn next(&mut self, now: UtcMs) -> OrderNo {
        let present = Position::at(now);
        if present > self.last {
            self.last = present;
            // The clock has overtaken what was jumped over.
            self.stride_s = Self::STRIDE_FIRST_S;
        } else {
            self.last = self.last.after(1);
        }
        OrderNo::compose(self.last, self.issuer)
    }

    /// Never again at or below a number that somebody has seen, whoever issued it.
    pub fn at_least(&mut self, no: OrderNo) {
        self.last = self.last.max(no.place());
    }

    /// A number turned out to be used: the next ones lie ahead by a stride that doubles with every jump, so that even a day's
    /// worth of used numbers is left in a dozen tries.
    pub fn jump(&mut self) {
        self.last = self.last.after(self.stride_s * Position::SEQUENCES);
        self.stride_s = (self.stride_s * 2).min(Self::STRIDE_MAX_S);
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};

    use super::*;
    use crate::time::parse_beijing;

    fn issuer() -> Issuer {
        Issuer::new(1234).expect("in range")
    }

    #[test]
    fn a_number_says_its_day_and_guards_its_digits() {
        let now = parse_beijing("20260105101112").expect("a time");
        let no = Numbering::resume(issuer(), None).next(now);
        assert_eq!(&no.as_str()[..18], "095010012343667200");
        assert_eq!(no.as_str().parse::<u128>().expect("digits") % 97, 1);
        assert_eq!(OrderNo::parse(no.as_str()), Some(no));
        assert_eq!(no.day(), Day::parse("2026-01-05"));
        assert_eq!(no.issuer(), Some(issuer()));
    }

    /// Eighteen digits with the two that make them whole.
    fn checked(body: u128) -> String {
        alloc::format!("{body:018}{:02}", 98 - (body * 100) % 97)
    }

    #[test]
    fn whole_digits_of_an_impossible_shape_are_no_number() {
        let shape = |day: u128, issuer: u128| checked((day * 1_000_000 + issuer) * 10_000_000 + 3_667_200);
        assert!(OrderNo::parse(&shape(9_501, 1_234)).is_some());
        assert!(OrderNo::parse(&shape(24_999, 999_999)).is_some());
        for (day, issuer) in [(0, 1_234), (25_000, 1_234), (99_999, 1_234), (9_501, 0)] {
            assert_eq!(OrderNo::parse(&shape(day, issuer)), None, "day {day}, issuer {issuer}");
        }
        assert_eq!(OrderNo::parse("+9501001234366720042"), None);
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

    #[test]
    fn boxes_on_copies_of_one_folder_part_within_the_second() {
        let now = parse_beijing("20260105101112").expect("a time");
        let last = Numbering::resume(issuer(), None).next(now);
        let mut boxes = [Numbering::resume(issuer(), Some(last)), Numbering::resume(issuer(), Some(last))];
        let [here, there] = &mut boxes;
        let drawn =
            [here.next(UtcMs(now.0 + 1_120)), there.next(UtcMs(now.0 + 1_340)), here.next(UtcMs(now.0 + 1_999))];
        assert_eq!(drawn.map(|no| no.as_str()[11..18].to_string()), ["3667312", "3667334", "3667399"]);
    }

    #[test]
    fn a_number_somebody_saw_is_a_floor_whoever_issued_it() {
        let now = parse_beijing("20260105101112").expect("a time");
        let hour_ahead = Numbering::resume(Issuer::new(9).expect("in range"), None).next(UtcMs(now.0 + 3_600_000));
        let mut numbering = Numbering::resume(issuer(), None);
        numbering.at_least(hour_ahead);
        let next = numbering.next(now);
        assert_eq!((next.issuer(), &next.as_str()[11..18]), (Some(issuer()), "4027201"), "one above what was seen");
        let behind = Numbering::resume(issuer(), None).next(UtcMs(now.0 - 3_600_000));
        numbering.at_least(behind);
        assert!(numbering.next(now).place() > next.place(), "an older number lowers nothing");
    }

    #[test]
    fn numbers_rank_by_time_whoever_issued_them() {
        let now = parse_beijing("20260105101112").expect("a time");
        let by = |issuer: u32, at| Numbering::resume(Issuer::new(issuer).expect("in range"), None).next(at);
        let (earlier, later) = (by(900, now), by(7, UtcMs(now.0 + 60_000)));
        assert!(earlier > later, "the digits begin with day and issuer");
        assert!(earlier.rank() < later.rank());
    }

    #[test]
    fn jumps_leave_a_used_range_in_few_tries_and_start_small_again() {
        let now = parse_beijing("20260105101112").expect("a time");
        let mut numbering = Numbering::resume(issuer(), None);
        let first = numbering.next(now);
        let ahead = |no: OrderNo| (no.place().0 - first.place().0) / Position::SEQUENCES;
        numbering.jump();
        assert_eq!(ahead(numbering.next(now)), 60);
        numbering.jump();
        assert_eq!(ahead(numbering.next(now)), 60 + 120);
        let mut tries = 2;
        while ahead(numbering.next(now)) < 86_400 {
            numbering.jump();
            tries += 1;
        }
        assert!(tries <= 12, "a day's numbers left in {tries} tries");
        let much_later = UtcMs(now.0 + 10 * 86_400_000);
        let caught_up = numbering.next(much_later);
        numbering.jump();
        assert_eq!((numbering.next(much_later).place().0 - caught_up.place().0) / Position::SEQUENCES, 60);
    }

    #[test]
    fn a_burst_that_uses_its_day_up_runs_into_the_next() {
        let last = OrderNo::compose(Position::new(9_501, 99_999, 99), issuer());
        let next = Numbering::resume(issuer(), Some(last)).next(UtcMs(0));
        assert_eq!((next.day(), &next.as_str()[11..18]), (Day::parse("2026-01-06"), "0000000"));
    }

    mod any_clock {
        use alloc::vec::Vec;

        use proptest::prelude::*;

        use super::*;

        #[derive(Clone, Debug)]
        enum Act {
            Next(i64),
            Jump,
            Seen(i64),
            Restart,
        }

        fn act() -> impl Strategy<Value = Act> {
            let sane = 1_767_000_000_000..1_768_000_000_000_i64;
            prop_oneof![
                4 => sane.clone().prop_map(Act::Next),
                1 => any::<i64>().prop_map(|ms| Act::Next(ms / 4)),
                1 => Just(Act::Jump),
                1 => sane.prop_map(Act::Seen),
                1 => Just(Act::Restart),
            ]
        }

        proptest! {
            #[test]
            fn numbers_grow_and_read_back(acts in proptest::collection::vec(act(), 1..80), number in 1..=999_999_u32) {
                let issuer = Issuer::new(number).expect("in range");
                let mut numbering = Numbering::resume(issuer, None);
                let mut last: Option<OrderNo> = None;
                let mut floor = Position::default();
                for act in acts {
                    match act {
                        Act::Next(ms) => {
                            let no = numbering.next(UtcMs(ms));
                            prop_assert_eq!(OrderNo::parse(no.as_str()), Some(no));
                            prop_assert_eq!(no.issuer(), Some(issuer));
                            let end = Position::new(*limits::ORDER_DAYS.end(), 99_999, 99);
                            prop_assert!(no.place() > floor || floor == end, "{} after {:?}", no, last);
                            floor = no.place();
                            last = Some(no);
                        }
                        Act::Jump => numbering.jump(),
                        Act::Seen(ms) => {
                            let seen = Numbering::resume(Issuer::new(1).expect("in range"), None).next(UtcMs(ms));
                            numbering.at_least(seen);
                            floor = floor.max(seen.place());
                        }
                        Act::Restart => {
                            numbering = Numbering::resume(issuer, last);
                            floor = last.map_or(Position::default(), |no| no.place());
                        }
                    }
                }
            }

            #[test]
            fn two_issuers_never_draw_the_same_number(
                clock in proptest::collection::vec(1_767_000_000_000..1_767_000_100_000_i64, 1..60),
                one in 1..=999_999_u32,
                other in 1..=999_999_u32,
            ) {
                prop_assume!(one != other);
                let draw = |issuer: u32| {
                    let mut numbering = Numbering::resume(Issuer::new(issuer).expect("in range"), None);
                    clock.iter().map(|ms| numbering.next(UtcMs(*ms))).collect::<Vec<_>>()
                };
                let (ours, theirs) = (draw(one), draw(other));
                prop_assert!(ours.iter().all(|no| !theirs.contains(no)));
            }
        }
    }
}
