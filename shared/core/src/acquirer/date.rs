//! The HTTP `Date` header (RFC 9110 section 5.6.7): the only clock of an acquirer that every answer shows.

use alloc::string::String;

use jiff::{
    Timestamp, civil,
    fmt::{
        rfc2822::{DateTimeParser, DateTimePrinter},
        strtime,
    },
    tz::TimeZone,
};

use crate::time::UtcMs;

/// Reads a header's value; a recipient must take the two forms of the last century as well.
#[must_use]
pub fn parse_http_date(text: &str) -> Option<UtcMs> {
    // A proxy that miscounts weekdays still knows the time.
    const FIXED: DateTimeParser = DateTimeParser::new().relaxed_weekday(true);
    let text = text.trim();
    let moment = FIXED.parse_timestamp(text).ok().or_else(|| {
        ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"].iter().find_map(|form| obsolete(form, text))
    })?;
    Some(UtcMs(moment.as_millisecond())).filter(|at| at.0 >= 0)
}

fn obsolete(form: &str, text: &str) -> Option<Timestamp> {
    let at: civil::DateTime = strtime::parse(form, text).ok()?.to_datetime().ok()?;
    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Writes a header's value.
#[must_use]
pub fn format_http_date(at: UtcMs) -> String {
    let moment = Timestamp::from_millisecond(at.0.max(0)).unwrap_or(Timestamp::MAX);
    DateTimePrinter::new().timestamp_to_rfc9110_string(&moment).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_forms_of_a_date_are_one_moment() {
        let moment = Some(UtcMs(784_111_777_000));
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            " Sun, 06 Nov 1994 08:49:37 GMT ",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse_http_date(text), moment, "{text}");
        }
        for text in ["", "yesterday", "1994-11-06T08:49:37Z", "Sun, 36 Nov 1994 08:49:37 GMT"] {
            assert_eq!(parse_http_date(text), None, "{text}");
        }
        assert_eq!(format_http_date(UtcMs(784_111_777_999)), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
