//! What people and other programs write, read by one rule at every door: page, box, API, command line and file.
//!
//! | kind | used for | what becomes of it |
//! | --- | --- | --- |
//! | [`identifier`] | bill source, bill number | trimmed, half-width, a run of blanks made one; what the eye cannot tell apart is refused |
//! | [`name`] | people, stores, merchants, keys | trimmed, a run of blanks made one; controls and invisible characters are refused |
//! | [`one_line`] | remarks, reasons, titles | white space of any kind made one blank, controls and invisible characters dropped |
//! | [`shown`] | what others send to be read, such as an acquirer's number or another program's version | as a remark, and cut |
//! | [`paragraphs`] | bodies of announcements | line breaks made `\n` and kept, controls and invisible characters dropped |
//! | [`typed`] | what a stricter reader takes next, such as an account | trimmed, full-width ASCII made half-width |
//! | [`unframed`] | what a scanner sends | framing and AIM identifier dropped |
//! | [`crate::search::query`] | the search box | what it may mean: an amount, a number, a text |
//!
//! An identifier that was changed silently would be another one, so only what nobody can see (width, outer and repeated
//! blanks) is evened out and everything else is refused; a remark identifies nothing, so it is cleaned rather than refused.
//! Upper and lower case are two identifiers: a shop's own system may count in both.
//!
//! Payment codes are read by [`crate::secret::PaymentCode::parse`], amounts by [`crate::money::read_yuan`], both on top of
//! this. `cases/*.json` beside this crate hold the rules as examples; the page's twin (`shared/web/kit/src/normal.ts`) is
//! tested against the same files.

use alloc::{string::String, vec::Vec};
use core::{error::Error, fmt};

use crate::limits::FOREIGN_TEXT_MAX_CHARS;

/// Why a text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextError {
    /// Nothing to be seen in it.
    Empty,
    /// More characters than allowed, after evening out.
    TooLong {
        /// How many are allowed.
        max: usize,
    },
    /// A line break, a tab or another control character inside.
    Control,
    /// A character that takes no room or turns the direction of writing.
    Hidden,
    /// A character that has another form looking the same, or stands for one that was lost.
    Ambiguous,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("may not be empty"),
            Self::TooLong { max } => write!(f, "{max} characters at most"),
            Self::Control => f.write_str("no line breaks, tabs or control characters are allowed"),
            Self::Hidden => f.write_str("no invisible or direction-changing characters are allowed; type it anew"),
            Self::Ambiguous => f.write_str("no combining or compatibility characters are allowed; type it anew"),
        }
    }
}

impl Error for TextError {}

/// A text that names something, such as a bill: 1 to `max_chars` characters that read the same for a person and a program.
///
/// Without tables for Unicode's normal form NFC, characters that are not in it for Latin, Greek, kana, hangul and hanzi are
/// refused instead of composed; other scripts are taken as they come.
///
/// # Errors
/// Says what is wrong with it.
pub fn identifier(text: &str, max_chars: usize) -> Result<String, TextError> {
    evened(text, max_chars, |c| if is_ambiguous(c) { Err(TextError::Ambiguous) } else { Ok(half_width(c)) })
}

/// What people call somebody or something: 1 to `max_chars` characters. Full-width forms stay, as they are right in Chinese.
///
/// # Errors
/// Says what is wrong with it.
pub fn name(text: &str, max_chars: usize) -> Result<String, TextError> {
    evened(text, max_chars, Ok)
}

fn evened(text: &str, max_chars: usize, read: impl Fn(char) -> Result<char, TextError>) -> Result<String, TextError> {
    let mut even = String::with_capacity(text.len());
    for c in text.trim().chars() {
        match c {
            c if is_blank(c) && even.ends_with(' ') => {}
            c if is_blank(c) => even.push(' '),
            c if c.is_control() || c.is_whitespace() => return Err(TextError::Control),
            c if is_hidden(c) => return Err(TextError::Hidden),
            c => even.push(read(c)?),
        }
    }
    match even.chars().count() {
        0 => Err(TextError::Empty),
        count if count > max_chars => Err(TextError::TooLong { max: max_chars }),
        _ => Ok(even),
    }
}

/// A free text on one line; may come out empty. Its length is the caller's to judge.
#[must_use]
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split(char::is_whitespace) {
        let mut seen = word.chars().filter(|c| !is_hidden(*c)).peekable();
        if seen.peek().is_some() && !line.is_empty() {
            line.push(' ');
        }
        line.extend(seen);
    }
    line
}

/// What somebody else wrote, for people to read: a remark's line, cut where it is longer than any such text of ours. What came in a
/// store's facts was never at a door of this program.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut line = one_line(text);
    if let Some((end, _)) = line.char_indices().nth(FOREIGN_TEXT_MAX_CHARS) {
        line.truncate(end);
    }
    line
}

/// A free text of several lines; may come out empty. Blanks that begin a line stay, as Chinese paragraphs are indented.
#[must_use]
pub fn paragraphs(text: &str) -> String {
    let breaks = ['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];
    let text = text.replace("\r\n", "\n").replace('\t', " ");
    let clean = |line: &str| line.chars().filter(|c| !is_hidden(*c)).collect::<String>();
    let lines: Vec<String> = text.split(breaks).map(|line| clean(line).trim_end().into()).collect();
    lines.join("\n").trim_matches('\n').into()
}

/// A short text that a stricter reader takes next, so that full-width digits of an input method and outer blanks do no harm.
#[must_use]
pub fn typed(text: &str) -> String {
    text.trim().chars().map(half_width).collect()
}

/// What a scanner read: white space, controls and invisible characters around it are framing (STX, ETX, CR, LF, TAB), and
/// so is an AIM identifier before the data: `]`, a letter and a digit (ISO/IEC 15424).
#[must_use]
pub fn unframed(scanned: &str) -> &str {
    let framing = |c: char| c.is_whitespace() || is_hidden(c);
    let data = scanned.trim_matches(framing);
    let mut rest = data.chars();
    let mut head = || rest.next().map(half_width);
    let aim = head() == Some(']')
        && head().is_some_and(|c| c.is_ascii_alphabetic())
        && head().is_some_and(|c| c.is_ascii_digit());
    if aim { rest.as_str().trim_matches(framing) } else { data }
}

/// With every character beyond the basic plane as `?`: four bytes of UTF-8 are refused or cut by acquirers whose databases
/// hold three, and GBK has none of them.
#[must_use]
pub fn basic_plane(text: &str) -> String {
    text.chars().map(|c| if c > '\u{ffff}' { '?' } else { c }).collect()
}

/// Full-width ASCII as half-width, anything else as it is.
#[must_use]
pub fn half_width(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    }
}

/// A blank between words: white space that is neither a control nor a line break.
#[must_use]
pub fn is_blank(c: char) -> bool {
    c.is_whitespace() && !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}')
}

/// What people put between groups of digits, half-width: a blank, a dash, or something invisible that was copied along.
#[must_use]
pub fn is_gap(c: char) -> bool {
    let dash = matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}');
    is_blank(c) || dash || (is_hidden(c) && !c.is_control())
}

/// Control characters, and those that take no room of their own: format and direction marks, joiners, fillers, variation
/// selectors, tags, noncharacters.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    let invisible = matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fdd0}'..='\u{fdef}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}');
    c.is_control() || invisible || u32::from(c) & 0xfffe == 0xfffe
}

/// Combining marks, jamo and compatibility characters, which have a composed form looking the same, and the mark of a lost
/// character.
fn is_ambiguous(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{37e}' | '\u{387}' | '\u{1100}'..='\u{11ff}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{2126}' | '\u{212a}' | '\u{212b}' | '\u{2329}'
        | '\u{232a}' | '\u{3099}' | '\u{309a}' | '\u{a960}'..='\u{a97f}' | '\u{d7b0}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}' | '\u{fe20}'..='\u{fe2f}' | '\u{fffd}' | '\u{2f800}'..='\u{2fa1f}')
}

#[cfg(test)]
mod tests;
