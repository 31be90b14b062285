//! Two clocks. Stamps use the wall clock, waits use ticks, so that setting the PC's clock never shortens or stretches a wait.

use alloc::{format, string::String};
use core::fmt;

use jiff::{Timestamp, civil, tz};
use minicbor::{Decode, Encode};

/// Milliseconds since 1970-01-01 UTC on the wall clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct UtcMs(#[n(0)] pub i64);

/// Milliseconds since the process started, never going back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticks(pub u64);

impl Ticks {
    /// The moment `ms` later.
    #[must_use]
    pub const fn after_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

/// One moment on both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For stamps.
    pub wall: UtcMs,
    /// For waits.
    pub up: Ticks,
    /// By how much `wall` is known to be ahead of the truth; none while nobody has vouched for the time.
    pub ahead_ms: Option<u64>,
}

impl Now {
    /// A moment whose time nobody vouched for.
    #[must_use]
    pub const fn alone(wall: UtcMs, up: Ticks) -> Self {
        Self { wall, up, ahead_ms: None }
    }

    /// A moment whose time is known to be true.
    #[must_use]
    pub const fn vouched(wall: UtcMs, up: Ticks) -> Self {
        Self { wall, up, ahead_ms: Some(0) }
    }

    /// The true time, where somebody vouched for it.
    #[must_use]
    pub fn truth(self) -> Option<UtcMs> {
        self.ahead_ms.map(|ahead_ms| UtcMs(self.wall.0.saturating_sub_unsigned(ahead_ms)))
    }

    /// The true time as far as anybody knows: for days, never for a wait that must not end early.
    #[must_use]
    pub fn likeliest(self) -> UtcMs {
        self.truth().unwrap_or(self.wall)
    }
}

/// The moment from which a wait counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Since {
    /// In an earlier life, by the fact that began it; none where its time was in doubt.
    at: Option<UtcMs>,
    /// In this life.
    up: Ticks,
}

impl Since {
    /// Within one life ticks alone count: whatever becomes of the clock ends no wait early.
    pub(crate) const fn now(now: Now) -> Self {
        Self { at: None, up: now.up }
    }

    /// From a fact of an earlier life on.
    pub(crate) const fn fact(at: Option<UtcMs>, now: Now) -> Self {
        Self { at, up: now.up }
    }

    /// The longer of ticks and, once somebody vouches for the time, of what has passed since the fact, in ms: restarts starve no
    /// wait (rule 5).
    pub(crate) fn elapsed_ms(self, now: Now) -> u64 {
        self.elapsed_at_ms(now, now.truth())
    }

    /// The same, believing the clock where nobody vouches for it: for what may come early but never be starved.
    pub(crate) fn likely_elapsed_ms(self, now: Now) -> u64 {
        self.elapsed_at_ms(now, Some(now.likeliest()))
    }

    fn elapsed_at_ms(self, now: Now, time: Option<UtcMs>) -> u64 {
        let ticks = now.up.0.saturating_sub(self.up.0);
        let passed = time.zip(self.at).map(|(time, at)| time.0.saturating_sub(at.0));
        ticks.max(passed.and_then(|passed| u64::try_from(passed).ok()).unwrap_or(0))
    }

    /// When `ms` will have passed; now if they have.
    pub(crate) fn reaches(self, now: Now, ms: u64) -> Ticks {
        now.up.after_ms(ms.saturating_sub(self.elapsed_ms(now)))
    }
}

/// Day 0 of [`Day::count`].
const FIRST_COUNTED: civil::Date = civil::date(2000, 1, 1);

/// A calendar day, as `yyyymmdd` in facts and `yyyy-mm-dd` for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode)]
#[cbor(transparent)]
pub struct Day(#[n(0)] u32);

impl<'b, C> Decode<'b, C> for Day {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::from_number(d.u32()?).ok_or_else(|| minicbor::decode::Error::message("not a day"))
    }
}

impl Day {
    /// Reads `yyyy-mm-dd`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<civil::Date>().ok().and_then(Self::from_date)
    }

    /// The number `yyyymmdd`, as stored.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The stored number `yyyymmdd`, if it is a day.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self(number).date().map(|_| Self(number))
    }

    /// Days since 2000-01-01, as they lead an order number; `None` before.
    #[must_use]
    pub fn count(self) -> Option<u32> {
        let date = self.date()?;
        let days = FIRST_COUNTED.until((jiff::Unit::Day, date)).ok()?.get_days();
        u32::try_from(days).ok()
    }

    /// The day that many days after 2000-01-01.
    #[must_use]
    pub fn from_count(days: u32) -> Option<Self> {
        let span = jiff::Span::new().try_days(days).ok()?;
        FIRST_COUNTED.checked_add(span).ok().and_then(Self::from_date)
    }

    /// The six digits `yymmdd`.
    #[must_use]
    pub const fn yymmdd(self) -> u32 {
        self.0 % 1_000_000
    }

    /// Its first moment in UTC.
    #[must_use]
    pub fn utc_start(self) -> UtcMs {
        let start = self.date().and_then(|date| date.to_zoned(tz::TimeZone::UTC).ok());
        UtcMs(start.map_or(0, |start| start.timestamp().as_millisecond()))
    }

    fn date(self) -> Option<civil::Date> {
        let year = i16::try_from(self.0 / 10_000).ok()?;
        let month = i8::try_from(self.0 / 100 % 100).ok()?;
        let day = i8::try_from(self.0 % 100).ok()?;
        civil::Date::new(year, month, day).ok()
    }

    fn from_date(date: civil::Date) -> Option<Self> {
        let year = u32::try_from(date.year()).ok()?;
        let month = u32::try_from(date.month()).ok()?;
        let day = u32::try_from(date.day()).ok()?;
        Some(Self(year * 10_000 + month * 100 + day))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0 / 10_000, self.0 / 100 % 100, self.0 % 100)
    }
}

/// How a store turns a moment into its business day: its zone, and a cut-off between 00:00 and 06:00 until which a sale still
/// belongs to the day before.
#[derive(Clone, Debug)]
pub struct BusinessClock {
    zone: tz::TimeZone,
    cutoff_minutes: u16,
}

impl BusinessClock {
    /// The latest cut-off: 06:00.
    pub const CUTOFF_MAX_MINUTES: u16 = 6 * 60;

    /// A clock for `zone`; `None` if the cut-off is past 06:00.
    #[must_use]
    pub fn new(zone: tz::TimeZone, cutoff_minutes: u16) -> Option<Self> {
        (cutoff_minutes <= Self::CUTOFF_MAX_MINUTES).then_some(Self { zone, cutoff_minutes })
    }

    /// Beijing time with the day changing at midnight.
    #[must_use]
    pub fn beijing() -> Self {
        Self { zone: beijing_zone(), cutoff_minutes: 0 }
    }

    /// The business day of a moment.
    #[must_use]
    pub fn day(&self, at: UtcMs) -> Day {
        let shifted = UtcMs(at.0.saturating_sub(i64::from(self.cutoff_minutes) * 60_000));
        day_in(&self.zone, shifted)
    }

    /// The same as others are told it, at this moment.
    #[must_use]
    pub fn rule(&self, at: UtcMs) -> DayRule {
        let offset = self.zone.to_offset(timestamp(at)).seconds() / 60;
        let utc_offset_minutes = i16::try_from(offset).unwrap_or(DayRule::BEIJING.utc_offset_minutes);
        DayRule { utc_offset_minutes, cutoff_minutes: self.cutoff_minutes }
    }

    /// The hour of the store's clock, 0 to 23.
    #[must_use]
    pub fn hour(&self, at: UtcMs) -> u8 {
        let hour = timestamp(at).to_zoned(self.zone.clone()).hour();
        u8::try_from(hour).unwrap_or(0)
    }

    /// `yyyy-mm-dd HH:MM:SS` on the store's clock, as receipts print it.
    #[must_use]
    pub fn local_text(&self, at: UtcMs) -> String {
        let t = timestamp(at).to_zoned(self.zone.clone()).datetime();
        format!("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", t.year(), t.month(), t.day(), t.hour(), t.minute(), t.second())
    }
}

/// A store's day as it tells it to others: how far its clock is from UTC now, and its cut-off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DayRule {
    /// Minutes that the store's clock is ahead of UTC.
    #[n(0)]
    pub utc_offset_minutes: i16,
    /// Minutes after midnight until which a sale still belongs to the day before.
    #[n(1)]
    pub cutoff_minutes: u16,
}

impl DayRule {
    /// Beijing time with the day changing at midnight.
    pub const BEIJING: Self = Self { utc_offset_minutes: 8 * 60, cutoff_minutes: 0 };

    /// The rule, if there is a zone and a cut-off like this.
    #[must_use]
    pub fn new(utc_offset_minutes: i16, cutoff_minutes: u16) -> Option<Self> {
        let is_zone = (-12 * 60..=14 * 60).contains(&utc_offset_minutes);
        let is_cutoff = cutoff_minutes <= BusinessClock::CUTOFF_MAX_MINUTES;
        (is_zone && is_cutoff).then_some(Self { utc_offset_minutes, cutoff_minutes })
    }

    /// The business day of a moment.
    #[must_use]
    pub fn day(self, at: UtcMs) -> Day {
        let ahead = i64::from(self.utc_offset_minutes) - i64::from(self.cutoff_minutes);
        day_in(&tz::TimeZone::UTC, UtcMs(at.0.saturating_add(ahead * 60_000)))
    }
}

/// The acquirers' day: Beijing, changing at midnight. It rules void windows.
#[must_use]
pub fn beijing_day(at: UtcMs) -> Day {
    day_in(&beijing_zone(), at)
}

/// The second of the Beijing day, 0 to 86,399.
#[must_use]
pub fn beijing_second(at: UtcMs) -> u32 {
    let t = timestamp(at).to_zoned(beijing_zone());
    let (h, m, s) = (t.hour(), t.minute(), t.second());
    u32::try_from(i32::from(h) * 3600 + i32::from(m) * 60 + i32::from(s)).unwrap_or(0)
}

/// Reads an acquirer's `yyyyMMddHHmmss` in Beijing time.
#[must_use]
pub fn parse_beijing(text: &str) -> Option<UtcMs> {
    if text.len() != 14 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |range: core::ops::Range<usize>| text.get(range)?.parse::<i16>().ok();
    let small = |range: core::ops::Range<usize>| text.get(range)?.parse::<i8>().ok();
    let at =
        civil::DateTime::new(part(0..4)?, small(4..6)?, small(6..8)?, small(8..10)?, small(10..12)?, small(12..14)?, 0);
    let zoned = at.ok()?.to_zoned(beijing_zone()).ok()?;
    Some(UtcMs(zoned.timestamp().as_millisecond()))
}

/// Writes an acquirer's `yyyyMMddHHmmss` in Beijing time.
#[must_use]
pub fn format_beijing(at: UtcMs) -> String {
    let t = timestamp(at).to_zoned(beijing_zone()).datetime();
    format!("{:04}{:02}{:02}{:02}{:02}{:02}", t.year(), t.month(), t.day(), t.hour(), t.minute(), t.second())
}

fn day_in(zone: &tz::TimeZone, at: UtcMs) -> Day {
    let date = timestamp(at).to_zoned(zone.clone()).date();
    Day::from_date(date).expect("a timestamp after 1970 has a positive year")
}

fn timestamp(at: UtcMs) -> Timestamp {
    Timestamp::from_millisecond(at.0.max(0)).unwrap_or(Timestamp::MAX)
}

fn beijing_zone() -> tz::TimeZone {
    tz::TimeZone::fixed(tz::offset(8))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-05 10:11:12 in Beijing.
    const MORNING: UtcMs = UtcMs(1_767_579_072_000);

    #[test]
    fn the_cut_off_moves_night_sales_to_the_day_before() {
        let night = parse_beijing("20260105013000").expect("a time");
        let late_shop = BusinessClock::new(beijing_zone(), 120).expect("a cut-off");
        assert_eq!(late_shop.day(night), Day(20_260_104));
        assert_eq!(BusinessClock::beijing().day(night), Day(20_260_105));
        assert!(BusinessClock::new(beijing_zone(), 361).is_none());
    }

    #[test]
    fn others_know_a_stores_day_by_its_rule() {
        let late_shop = BusinessClock::new(beijing_zone(), 360).expect("a cut-off");
        let rule = late_shop.rule(MORNING);
        assert_eq!(rule, DayRule { utc_offset_minutes: 480, cutoff_minutes: 360 });
        for text in ["20260105055959", "20260105060000", "20260101000000", "20251231235959"] {
            let at = parse_beijing(text).expect("a time");
            assert_eq!(rule.day(at), late_shop.day(at), "{text}");
            assert_eq!(DayRule::BEIJING.day(at), BusinessClock::beijing().day(at), "{text}");
        }
        assert_eq!(rule.day(UtcMs(i64::MIN)), rule.day(UtcMs(0)), "before 1970 there is no day");
        for (offset, cutoff) in [(-721, 0), (841, 0), (0, 361), (i16::MIN, 0), (0, u16::MAX)] {
            assert_eq!(DayRule::new(offset, cutoff), None);
        }
        assert_eq!(Day(20_260_105).utc_start(), UtcMs(1_767_571_200_000));
    }

    #[test]
    fn acquirer_times_read_back_as_written() {
        assert_eq!(parse_beijing("20260105101112"), Some(MORNING));
        assert_eq!(format_beijing(MORNING), "20260105101112");
        assert_eq!(beijing_second(MORNING), 10 * 3600 + 11 * 60 + 12);
        assert_eq!(parse_beijing("20261305101112"), None);
        assert_eq!(parse_beijing("2026010510111"), None);
    }

    #[test]
    fn days_read_back_as_written() {
        let day = Day::parse("2026-01-05").expect("a day");
        assert_eq!(alloc::format!("{day}"), "2026-01-05");
        assert_eq!(day.yymmdd(), 260_105);
        assert_eq!((day.count(), Day::from_count(9_501)), (Some(9_501), Some(day)));
        assert_eq!((Day::parse("1999-12-31").and_then(Day::count), Day::from_count(u32::MAX)), (None, None));
        assert_eq!(Day::from_number(20_260_230), None);
    }
}
