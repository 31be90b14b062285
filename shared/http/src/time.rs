//! Moments and days on the wire.

use std::fmt;

use guitai_core::time::{Day, UtcMs};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use utoipa::ToSchema;

/// A moment, as RFC 3339 in UTC with milliseconds: `2026-01-05T02:11:12.000Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-01-05T02:11:12.000Z")]
pub struct Time(pub UtcMs);

impl Time {
    /// Reads RFC 3339 with any offset; finer than milliseconds is dropped.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<Timestamp>().ok().map(|at| Self(UtcMs(at.as_millisecond())))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Outside jiff's years -9999 to 9999 there is no text; no clock of ours gets there.
        let at = Timestamp::from_millisecond(self.0.0).unwrap_or(Timestamp::UNIX_EPOCH);
        write!(f, "{at:.3}")
    }
}

impl From<UtcMs> for Time {
    fn from(at: UtcMs) -> Self {
        Self(at)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not an RFC 3339 time"))
    }
}

/// A business day: `2026-01-05`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, format = Date, example = "2026-01-05")]
pub struct Date(pub Day);

impl From<Day> for Date {
    fn from(day: Day) -> Self {
        Self(day)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Day::parse(&text).map(Self).ok_or_else(|| D::Error::custom("not a day"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_and_read_back() {
        let time = Time(UtcMs(1_767_579_072_000));
        assert_eq!(time.to_string(), "2026-01-05T02:11:12.000Z");
        assert_eq!(Time(UtcMs(1_767_579_072_007)).to_string(), "2026-01-05T02:11:12.007Z");
        assert_eq!(Time::parse("2026-01-05T10:11:12+08:00"), Some(time));
        assert_eq!(Time::parse("2026-01-05T02:11:12.0004Z"), Some(time));
        for bad in ["2026-01-05", "2026-01-05T10:11:12", "1767579072", "", "2026-02-30T00:00:00Z"] {
            assert_eq!(Time::parse(bad), None, "{bad}");
        }
    }
}
