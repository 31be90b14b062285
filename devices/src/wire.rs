//! The printer's byte stream read back: characters and commands, by a full table of command lengths.
//!
//! A parser that does not know a command's length takes its parameters for text, so commands we never send are in the table
//! too, as [`Token::Other`]. A stream may be cut anywhere: what is incomplete stays until the rest arrives.

use encoding_rs::GB18030;

const DLE: u8 = 0x10;
const ESC: u8 = 0x1b;
const FS: u8 = 0x1c;
const GS: u8 = 0x1d;

/// Largest picture of one raster command: 576 dots by 3,640 rows, 45 cm of paper.
pub const RASTER_MAX_BYTES: usize = 256 * 1024;

/// Most tab stops of `ESC D`; a list that goes on is text behind a command without stops.
const TAB_STOPS_MAX: usize = 32;

/// Longest bar code that ends by NUL.
const BAR_CODE_MAX_BYTES: usize = 255;

/// One thing a printer does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A character; `wide` takes two columns.
    Char {
        /// The character; U+FFFD for bytes that are none.
        glyph: char,
        /// From the two-byte set.
        wide: bool,
    },
    /// LF: the line is printed.
    LineFeed,
    /// `ESC @`.
    Init,
    /// `ESC a n`: 0 left, 1 centre, 2 right.
    Align(u8),
    /// `ESC E n`.
    Bold(bool),
    /// `GS ! n`: times as wide, times as high, each 1 to 8.
    Size(u8, u8),
    /// `FS ! n`: hanzi twice as wide, twice as high.
    HanziSize(bool, bool),
    /// `ESC d n`: the line is printed and n lines are fed.
    FeedLines(u8),
    /// `ESC J n`: the line is printed and n dots are fed.
    FeedDots(u8),
    /// `ESC p m t1 t2`: the drawer on pin m, on and off times in 2 ms.
    Drawer(u8, u8, u8),
    /// `GS V …`: a cut.
    Cut(Cut),
    /// `GS v 0`: a picture, rows of `width_bytes`, most significant bit left, 1 is black.
    Raster {
        /// Bytes of a row.
        width_bytes: usize,
        /// All rows.
        data: Vec<u8>,
    },
    /// `GS ( k`, symbol data stored: what the QR code will say.
    QrStore(Vec<u8>),
    /// `GS ( k`, module size in dots.
    QrModule(u8),
    /// `GS ( k`, the stored symbol is printed.
    QrPrint,
    /// `GS r n`: asks for an answer once all before it is done.
    AskStatus(u8),
    /// `DLE EOT n`: asks for an answer at once.
    AskStatusNow(u8),
    /// `FS &` and `FS .`: the two-byte set is on or off.
    Hanzi(bool),
    /// Another command of known length, or a control that prints nothing.
    Other(Vec<u8>),
}

/// Which cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Paper falls.
    Full,
    /// Paper hangs by a bridge.
    Partial,
}

/// Reads a stream. Starts with the two-byte set off, as after switching on a printer that needs `FS &`: a job that forgets it
/// shows its garbage here and not first in a shop.
#[derive(Clone, Debug, Default)]
pub struct Lexer {
    held: Vec<u8>,
    hanzi: bool,
}

enum Taken {
    /// The head of something whose end has not arrived.
    More,
    Token(Token, usize),
}

impl Lexer {
    /// Takes bytes and returns what they completed.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Token> {
        let mut tokens = Vec::new();
        self.read(bytes, |token, _| tokens.push(token));
        tokens
    }

    /// Like [`Self::push`], with the bytes each token was made of.
    pub(crate) fn read(&mut self, bytes: &[u8], mut each: impl FnMut(Token, &[u8])) {
        self.held.extend_from_slice(bytes);
        let mut from = 0;
        while let Some(rest) = self.held.get(from..).filter(|rest| !rest.is_empty()) {
            match take(rest, self.hanzi) {
                Taken::More => break,
                Taken::Token(token, used) => {
                    match &token {
                        Token::Hanzi(on) => self.hanzi = *on,
                        // Clears the modes; the trap for who sends FS & before it (devices.md 2.1).
                        Token::Init => self.hanzi = false,
                        _ => {}
                    }
                    each(token, rest.get(..used).unwrap_or(rest));
                    from += used;
                }
            }
        }
        self.held.drain(..from);
    }

    /// Bytes of a command that has not ended.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.held.len()
    }
}

/// The whole of a finished job.
#[must_use]
pub fn tokens(bytes: &[u8]) -> Vec<Token> {
    Lexer::default().push(bytes)
}

fn take(bytes: &[u8], hanzi: bool) -> Taken {
    match *bytes {
        [b'\n', ..] => Taken::Token(Token::LineFeed, 1),
        [ESC, ref rest @ ..] => escape(bytes, rest),
        [GS, ref rest @ ..] => group(bytes, rest),
        [FS, ref rest @ ..] => file(bytes, rest),
        [DLE, ref rest @ ..] => data_link(bytes, rest),
        [control @ (0..=0x1f | 0x7f), ..] => Taken::Token(Token::Other(vec![control]), 1),
        [first @ 0x81..=0xfe, ref rest @ ..] if hanzi => match rest {
            [] | [b'0'..=b'9'] | [b'0'..=b'9', 0x81..=0xfe] => Taken::More,
            // GB18030: four bytes for what the pairs lack.
            [second @ b'0'..=b'9', third @ 0x81..=0xfe, fourth @ b'0'..=b'9', ..] => {
                Taken::Token(wide(&[first, *second, *third, *fourth]), 4)
            }
            [second, ..] => Taken::Token(wide(&[first, *second]), 2),
        },
        [first @ 0x80..=0xff, ..] => Taken::Token(Token::Char { glyph: single(first), wide: false }, 1),
        [first, ..] => Taken::Token(Token::Char { glyph: char::from(first), wide: false }, 1),
        [] => Taken::More,
    }
}

fn wide(bytes: &[u8]) -> Token {
    let text = GB18030.decode_without_bom_handling_and_without_replacement(bytes);
    let glyph = text.and_then(|text| text.chars().next()).unwrap_or('\u{fffd}');
    Token::Char { glyph, wide: true }
}

/// Without the two-byte set a printer shows its code page; Latin-1 stands for it, so garbage looks like garbage.
fn single(byte: u8) -> char {
    match byte {
        0x80..=0x9f => '\u{fffd}',
        byte => char::from(byte),
    }
}

fn escape(all: &[u8], rest: &[u8]) -> Taken {
    match *rest {
        [b'@', ..] => Taken::Token(Token::Init, 2),
        [b'a', n, ..] => Taken::Token(Token::Align(n & 0x0f), 3),
        [b'E', n, ..] => Taken::Token(Token::Bold(n & 1 == 1), 3),
        [b'd', n, ..] => Taken::Token(Token::FeedLines(n), 3),
        [b'J', n, ..] => Taken::Token(Token::FeedDots(n), 3),
        [b'p', m, t1, t2, ..] => Taken::Token(Token::Drawer(m, t1, t2), 5),
        // ESC *: a column picture, 1 or 3 bytes a column.
        [b'*', mode, low, high, ..] => {
            let each = if matches!(mode, 32 | 33) { 3 } else { 1 };
            other(all, 5 + each * usize::from(u16::from_le_bytes([low, high])))
        }
        // ESC D: tab stops, ended by NUL.
        [b'D', ref stops @ ..] => match ended(stops, TAB_STOPS_MAX) {
            Some(Some(end)) => other(all, 3 + end),
            Some(None) => other(all, 2),
            None => Taken::More,
        },
        [b'2' | b'i' | b'm' | b'<', ..] => other(all, 2),
        [b'$' | b'\\' | b'B' | b'c', ..] => other(all, 4),
        [
            b'!' | b'3' | b'-' | b't' | b'R' | b'M' | b'G' | b'V' | b'{' | b' ' | b'=' | b'r' | b'u' | b'v' | b'S'
            | b'T',
            ..,
        ] => other(all, 3),
        [b'a' | b'E' | b'd' | b'J' | b'p' | b'*', ..] | [] => Taken::More,
        [_, ..] => other(all, 2),
    }
}

fn group(all: &[u8], rest: &[u8]) -> Taken {
    match *rest {
        [b'!', n, ..] => Taken::Token(Token::Size((n >> 4 & 7) + 1, (n & 7) + 1), 3),
        [b'V', 0 | b'0', ..] => Taken::Token(Token::Cut(Cut::Full), 3),
        [b'V', 1 | b'1', ..] => Taken::Token(Token::Cut(Cut::Partial), 3),
        [b'V', b'A', _, ..] => Taken::Token(Token::Cut(Cut::Full), 4),
        [b'V', b'B', _, ..] => Taken::Token(Token::Cut(Cut::Partial), 4),
        [b'V', b'A' | b'B'] => Taken::More,
        [b'V', _, ..] => other(all, 3),
        [b'r', n, ..] => Taken::Token(Token::AskStatus(n), 3),
        [b'v', b'0', _, xl, xh, yl, yh, ref data @ ..] => {
            let width_bytes = usize::from(u16::from_le_bytes([xl, xh]));
            let need = width_bytes * usize::from(u16::from_le_bytes([yl, yh]));
            match data.get(..need) {
                _ if need > RASTER_MAX_BYTES => other(all, 8),
                Some(data) => Taken::Token(Token::Raster { width_bytes, data: data.to_vec() }, 8 + need),
                None => Taken::More,
            }
        }
        [b'(', kind, low, high, ref data @ ..] => {
            let need = usize::from(u16::from_le_bytes([low, high]));
            match data.get(..need) {
                Some(data) if kind == b'k' => Taken::Token(symbol(all, data), 5 + need),
                Some(_) => other(all, 5 + need),
                None => Taken::More,
            }
        }
        // GS k: a bar code, ended by NUL (old form) or counted (new form).
        [b'k', 0..=6, ref data @ ..] => match ended(data, BAR_CODE_MAX_BYTES) {
            Some(Some(end)) => other(all, 4 + end),
            Some(None) => other(all, 3),
            None => Taken::More,
        },
        [b'k', _, count, ..] => other(all, 4 + usize::from(count)),
        [b'L' | b'W' | b'P' | b'$' | b'\\', ..] => other(all, 4),
        [b'B' | b'H' | b'h' | b'w' | b'f' | b'a' | b'I' | b'b' | b'/', ..] => other(all, 3),
        // GS v knows one form only.
        [b'v', second, ..] if second != b'0' => other(all, 2),
        [b'!' | b'V' | b'r' | b'v' | b'(' | b'k', ..] | [] => Taken::More,
        [_, ..] => other(all, 2),
    }
}

fn symbol(all: &[u8], data: &[u8]) -> Token {
    match *data {
        [b'1', b'C', dots, ..] => Token::QrModule(dots),
        [b'1', b'P', b'0', ref said @ ..] => Token::QrStore(said.to_vec()),
        [b'1', b'Q', ..] => Token::QrPrint,
        _ => Token::Other(all.get(..5 + data.len()).unwrap_or(all).to_vec()),
    }
}

fn file(all: &[u8], rest: &[u8]) -> Taken {
    match *rest {
        [b'&', ..] => Taken::Token(Token::Hanzi(true), 2),
        [b'.', ..] => Taken::Token(Token::Hanzi(false), 2),
        [b'!', n, ..] => Taken::Token(Token::HanziSize(n & 4 != 0, n & 8 != 0), 3),
        [b'S' | b'p', ..] => other(all, 4),
        [b'-' | b'C' | b'W', ..] => other(all, 3),
        [b'!', ..] | [] => Taken::More,
        [_, ..] => other(all, 2),
    }
}

fn data_link(all: &[u8], rest: &[u8]) -> Taken {
    match *rest {
        [4, n, ..] => Taken::Token(Token::AskStatusNow(n), 3),
        [5, ..] => other(all, 3),
        [0x14, ..] => other(all, 5),
        [4] | [] => Taken::More,
        [_, ..] => other(all, 1),
    }
}

/// Where the NUL stands that ends a list of at most so many bytes; `Some(None)` if the list is longer, however much of it is there.
fn ended(list: &[u8], max: usize) -> Option<Option<usize>> {
    let end = list.iter().take(max + 1).position(|byte| *byte == 0);
    (end.is_some() || list.len() > max).then_some(end)
}

fn other(all: &[u8], length: usize) -> Taken {
    match all.get(..length) {
        Some(bytes) => Taken::Token(Token::Other(bytes.to_vec()), length),
        None => Taken::More,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(bytes: &[u8]) -> String {
        let char = |token: &Token| if let Token::Char { glyph, .. } = token { Some(*glyph) } else { None };
        tokens(bytes).iter().filter_map(char).collect()
    }

    #[test]
    fn hanzi_need_the_two_byte_set() {
        assert_eq!(said(b"\x1b@\x1c&\xd6\xd0\xce\xc4\xa3\xa45"), "中文￥5");
        assert_eq!(said(b"\x1b@\xd6\xd0"), "ÖÐ", "garbage without FS &");
        assert_eq!(said(b"\x1c&\x1b@\xd6\xd0"), "ÖÐ", "ESC @ forgets it");
        assert_eq!(said(b"\x1c&\x81\x39\xef\x31\x95\x34\xb2\x35A"), "㐂𠮷A", "four bytes of GB18030");
        assert_eq!(said(b"\x1c&\xd6\xd0\x1c.\xd6"), "中Ö");
        assert_eq!(said(b"\x1c&\xff\x81\x20"), "ÿ\u{fffd}", "a broken pair stays a pair");
    }

    #[test]
    fn every_command_takes_its_own_parameters_and_no_more() {
        let commands: &[&[u8]] = &[
            b"\x1b@",
            b"\x1ba\x01",
            b"\x1bE\x01",
            b"\x1bd\x03",
            b"\x1bJ\x18",
            b"\x1bp\0\x19\xfa",
            b"\x1b!\x10",
            b"\x1b2",
            b"\x1b3\x18",
            b"\x1bt\0",
            b"\x1bB\x02\x03",
            b"\x1b$\x10\0",
            b"\x1b*\x21\x02\0ABCDEF",
            b"\x1b*\0\x02\0AB",
            b"\x1bD\x08\x10\0",
            b"\x1d!\x11",
            b"\x1dV\0",
            b"\x1dV\x01",
            b"\x1dVA\x05",
            b"\x1dVB\0",
            b"\x1dr\x01",
            b"\x1dv0\0\x01\0\x02\0\xff\x81",
            b"\x1d(k\x04\x001A2\0",
            b"\x1d(k\x03\x001C\x06",
            b"\x1d(k\x05\x001P0AB",
            b"\x1d(k\x03\x001Q0",
            b"\x1d(A\x02\0\0\x02",
            b"\x1dk\x04AB\0",
            b"\x1dkI\x02AB",
            b"\x1dL\x10\0",
            b"\x1da\xff",
            b"\x1dB\x01",
            b"\x1c&",
            b"\x1c.",
            b"\x1c!\x0c",
            b"\x1cS\0\0",
            b"\x1cC0",
            b"\x10\x04\x01",
            b"\x10\x14\x01\0\x01",
        ];
        for command in commands {
            let stream = [command, b"X\n".as_slice()].concat();
            let read = tokens(&stream);
            assert_eq!(read.len(), 3, "{command:02x?} read as {read:?}");
            assert_eq!(read.last(), Some(&Token::LineFeed));
            assert!(matches!(read[1], Token::Char { glyph: 'X', .. }), "{command:02x?} read as {read:?}");
            for cut in 0..stream.len() {
                let mut lexer = Lexer::default();
                let parts: Vec<Token> =
                    [&stream[..cut], &stream[cut..]].into_iter().flat_map(|part| lexer.push(part)).collect();
                assert_eq!(parts, read, "{command:02x?} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_drawer_command_without_times_eats_two_characters() {
        assert_eq!(said(b"\x1bp\0AB12"), "12", "the trap that must show in tests");
    }

    #[test]
    fn a_stream_cut_anywhere_reads_the_same() {
        let stream = b"\x1b@\x1c&\x1ba\x01\x1d!\x22\xd6\xd0\xce\xc4\n\x1dv0\0\x01\0\x02\0\x0a\x1b\
            \x1d(k\x05\x001P0AB\x1dVB\0\x1dr\x01";
        let whole = tokens(stream);
        assert!(whole.contains(&Token::Raster { width_bytes: 1, data: vec![0x0a, 0x1b] }));
        assert_eq!(whole.last(), Some(&Token::AskStatus(1)));
        for size in 1..stream.len() {
            let mut lexer = Lexer::default();
            let read: Vec<Token> = stream.chunks(size).flat_map(|chunk| lexer.push(chunk)).collect();
            assert_eq!(read, whole, "chunks of {size}");
            assert_eq!(lexer.unfinished(), 0);
        }
    }

    #[test]
    fn an_absurd_picture_is_not_waited_for() {
        let mut lexer = Lexer::default();
        lexer.push(b"\x1dv0\0\xff\xff\xff\xff");
        assert_eq!(lexer.unfinished(), 0);
    }

    #[test]
    fn a_picture_in_a_form_that_nobody_knows_is_not_waited_for() {
        assert_eq!(said(b"\x1dv1\0X\n"), "1X");
    }

    #[test]
    fn what_is_too_long_is_so_whether_it_comes_whole_or_in_parts() {
        let picture = [b"\x1dv0\0\0\x08\x81\0".as_slice(), &[0; 0x800 * 0x81]].concat();
        let stops = [b"\x1bD".as_slice(), &[8; 33], b"\0"].concat();
        let bars = [b"\x1dk\x04".as_slice(), &[b'1'; 256], b"\0"].concat();
        for stream in [picture, stops, bars] {
            let mut lexer = Lexer::default();
            let parts: Vec<Token> = stream.chunks(40).flat_map(|part| lexer.push(part)).collect();
            assert_eq!(tokens(&stream), parts);
        }
    }
}
