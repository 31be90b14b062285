//! Text that people wrote with whatever editor they have: UTF-8 with or without a mark at its beginning, lines that end in LF or CRLF.
//! Anything else is refused with what to do, since a text half understood is worse: a password with an unseen mark lets nobody in.

use std::{
    fmt,
    io::{self, BufRead, Read},
    path::{Path, PathBuf},
};

/// What editors of one system put before UTF-8.
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// What stands before UTF-16, in either order.
const UTF16_MARKS: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// Longest line of standard input, in bytes.
const LINE_MAX_BYTES: u64 = 4 * 1024;

/// Why bytes are no text of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotText {
    /// UTF-16, as some editors call Unicode.
    Utf16,
    /// Bytes that are no UTF-8, such as GBK; on this line, from 1.
    NotUtf8 {
        /// The line.
        line: usize,
    },
    /// A character that nobody sees, on this line, from 1.
    Control {
        /// The line.
        line: usize,
    },
}

impl fmt::Display for NotText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Utf16 => f.write_str("是 UTF-16 编码，请另存为 UTF-8 / is UTF-16: save it as UTF-8"),
            Self::NotUtf8 { line } => write!(
                f,
                "第 {line} 行不是 UTF-8（可能是 GBK），请另存为 UTF-8 / line {line} is not UTF-8, GBK perhaps: save it as UTF-8"
            ),
            Self::Control { line } => write!(
                f,
                "第 {line} 行有看不见的控制字符，请去掉后另存为 UTF-8 / line {line} holds a control character: take it out and \
                 save it as UTF-8"
            ),
        }
    }
}

impl std::error::Error for NotText {}

/// Why a text file is not used.
#[derive(Debug)]
pub enum ReadError {
    /// What the system says.
    Io(PathBuf, io::Error),
    /// It holds no text.
    NotText(PathBuf, NotText),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::NotText(path, why) => write!(f, "{}: {why}", path.display()),
        }
    }
}

impl std::error::Error for ReadError {}

/// The text that a file's bytes hold, without the mark at its beginning.
///
/// # Errors
/// Says why it is none.
pub fn decode(bytes: &[u8]) -> Result<&str, NotText> {
    if UTF16_MARKS.iter().any(|mark| bytes.starts_with(mark)) {
        return Err(NotText::Utf16);
    }
    let bytes = bytes.strip_prefix(UTF8_MARK).unwrap_or(bytes);
    let line = |at: usize| 1 + bytes.iter().take(at).filter(|byte| **byte == b'\n').count();
    let text = std::str::from_utf8(bytes).map_err(|error| NotText::NotUtf8 { line: line(error.valid_up_to()) })?;
    // UTF-16 without a mark: every other byte of its ASCII is zero.
    if text.contains('\0') {
        return Err(NotText::Utf16);
    }
    match text.char_indices().find(|(_, c)| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        Some((at, _)) => Err(NotText::Control { line: line(at) }),
        None => Ok(text),
    }
}

/// Reads a text file.
///
/// # Errors
/// Names the file.
pub fn read(path: &Path) -> Result<String, ReadError> {
    let bytes = std::fs::read(path).map_err(|error| ReadError::Io(path.to_owned(), error))?;
    decode(&bytes).map(str::to_owned).map_err(|why| ReadError::NotText(path.to_owned(), why))
}

/// Why there is no line.
#[derive(Debug)]
pub enum LineError {
    /// What the system says.
    Io(io::Error),
    /// There is no text in it.
    NotText(NotText),
    /// More than 4 KiB.
    TooLong,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "读不了 / cannot be read: {error}"),
            Self::NotText(why) => why.fmt(f),
            Self::TooLong => write!(f, "一行最长 {LINE_MAX_BYTES} 字节 / a line has at most {LINE_MAX_BYTES} bytes"),
        }
    }
}

impl std::error::Error for LineError {}

/// The first line of an input, without its end; empty if there is nothing. No tab is in it: nobody types one into a password.
///
/// # Errors
/// Says what is wrong with it.
pub fn first_line(input: &mut impl BufRead) -> Result<String, LineError> {
    let mut bytes = Vec::new();
    input.take(LINE_MAX_BYTES + 1).read_until(b'\n', &mut bytes).map_err(LineError::Io)?;
    if !bytes.ends_with(b"\n") && u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LINE_MAX_BYTES {
        return Err(LineError::TooLong);
    }
    let text = decode(&bytes).map_err(LineError::NotText)?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.contains(['\t', '\r']) {
        return Err(LineError::NotText(NotText::Control { line: 1 }));
    }
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(bytes: &[u8]) -> Result<String, String> {
        first_line(&mut io::BufReader::new(bytes)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_mark_and_either_end_of_a_line_are_nothing_of_the_text() {
        for written in ["密码 abc\n", "密码 abc\r\n", "\u{feff}密码 abc\r\nmore\n", "密码 abc"] {
            assert_eq!(line(written.as_bytes()), Ok("密码 abc".to_owned()), "{written:?}");
        }
        assert_eq!(line(b""), Ok(String::new()));
        assert_eq!(decode(b"\xef\xbb\xbfa = 1\r\nb = 2\r\n"), Ok("a = 1\r\nb = 2\r\n"));
    }

    #[test]
    fn what_is_no_utf8_is_refused_with_what_to_do() {
        let utf16: Vec<u8> = "密码abcdefgh\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [b"\xff\xfe".as_slice(), &utf16].concat();
        assert_eq!(decode(&marked), Err(NotText::Utf16));
        assert_eq!(decode(b"a\0b\0c\0\n\0"), Err(NotText::Utf16));
        assert_eq!(decode(b"fine\n\xc3\xdc\xc2\xeb\n"), Err(NotText::NotUtf8 { line: 2 }));
        assert_eq!(decode(b"fine\nfine\nbell \x07\n"), Err(NotText::Control { line: 3 }));
        for (bytes, words) in [
            (marked.as_slice(), "UTF-8"),
            (b"\xc3\xdc\xc2\xeb123456\n", "GBK"),
            (b"abc\x1b[31mdef\n", "control character"),
            (b"abc\tdefgh\n", "control character"),
            (&[b'x'; 5000], "4096"),
        ] {
            let error = line(bytes).expect_err(words);
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_file_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("some.toml");
        assert!(read(&path).expect_err("none").to_string().contains("some.toml"));
        std::fs::write(&path, b"\xff\xfea\0").expect("written");
        let error = read(&path).expect_err("UTF-16").to_string();
        assert!(error.contains("some.toml") && error.contains("UTF-8"), "{error}");
    }
}
