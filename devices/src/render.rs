//! The printer's bytes as a picture or as text: what a customer would hold, made from exactly what was sent.
//!
//! Black or white, never grey, as thermal paper is. Cells are those of the real machines: 12 by 24 dots for a half-width
//! character, 24 by 24 for a hanzi.

mod font;
mod paper;

pub use font::{Font, FontError};

use guitai_core::receipt::{Align, Style};

use crate::{
    qr,
    wire::{Cut, Token, tokens},
};
use paper::Paper;

/// Module size of a native QR code unless the stream sets one, dots.
const QR_MODULE_DOTS: u8 = 3;

/// A PNG, one bit a dot, `width` dots wide (384 for 58 mm, 576 for 80 mm) and as long as the receipt.
#[must_use]
pub fn png(bytes: &[u8], font: &Font, width: u32) -> Vec<u8> {
    let mut paper = Paper::new(font, usize::try_from(width).unwrap_or(usize::MAX));
    let mut qr = NativeQr { said: Vec::new(), module: QR_MODULE_DOTS };
    for token in tokens(bytes) {
        draw(&mut paper, &mut qr, token);
    }
    paper.into_png()
}

/// One line of a receipt as a printer would set it, `width` dots wide: bytes of a row, and the rows, most significant bit left, 1
/// is black.
pub(crate) fn line(text: &str, style: Style, font: &Font, width: u32) -> (usize, Vec<u8>) {
    let mut paper = Paper::new(font, usize::try_from(width).unwrap_or(usize::MAX));
    paper.align(match style.align {
        Align::Left => 0,
        Align::Centre => 1,
        Align::Right => 2,
    });
    paper.style.bold = style.bold;
    paper.style.half = (style.wide, style.high);
    paper.style.full = (style.wide, style.high);
    text.chars().for_each(|c| paper.put(c, !c.is_ascii()));
    paper.into_line()
}

/// What the stream says, line by line, without sizes and alignment. Pictures are `[picture WxH]`, codes `[QR …]`, cuts `[cut]`.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    let mut out = String::new();
    let mut said = Vec::new();
    for token in tokens(bytes) {
        match token {
            Token::Char { glyph, .. } => out.push(glyph),
            Token::LineFeed => out.push('\n'),
            Token::FeedLines(lines) => out.extend(std::iter::repeat_n('\n', usize::from(lines))),
            Token::FeedDots(_) => out.push('\n'),
            Token::Raster { width_bytes, data } => {
                let rows = data.len().checked_div(width_bytes).unwrap_or(0);
                out.push_str(&format!("[picture {}x{rows}]\n", width_bytes * 8));
            }
            Token::QrStore(bytes) => said = bytes,
            Token::QrPrint => out.push_str(&format!("[QR {}]\n", String::from_utf8_lossy(&said))),
            Token::Cut(Cut::Full | Cut::Partial) => out.push_str("[cut]\n"),
            Token::Drawer(..) => out.push_str("[drawer]\n"),
            Token::Init
            | Token::Align(_)
            | Token::Bold(_)
            | Token::Size(..)
            | Token::HanziSize(..)
            | Token::QrModule(_)
            | Token::AskStatus(_)
            | Token::AskStatusNow(_)
            | Token::Hanzi(_)
            | Token::Other(_) => {}
        }
    }
    out
}

struct NativeQr {
    said: Vec<u8>,
    module: u8,
}

fn draw(paper: &mut Paper<'_>, native: &mut NativeQr, token: Token) {
    match token {
        Token::Char { glyph, wide } => paper.put(glyph, wide),
        Token::LineFeed => paper.end_line(),
        Token::Init => paper.reset(),
        Token::Align(n) => paper.align(n),
        Token::Bold(on) => paper.style.bold = on,
        Token::Size(wide, high) => {
            paper.style.half = (wide, high);
            paper.style.full = (wide, high);
        }
        Token::HanziSize(wide, high) => paper.style.full = (1 + u8::from(wide), 1 + u8::from(high)),
        Token::FeedLines(lines) => paper.feed_lines(lines),
        Token::FeedDots(dots) => paper.feed_dots(usize::from(dots)),
        Token::Raster { width_bytes, data } => {
            let black =
                |x: usize, y: usize| data.get(y * width_bytes + x / 8).is_some_and(|byte| byte >> (7 - x % 8) & 1 == 1);
            let rows = data.len().checked_div(width_bytes).unwrap_or(0);
            paper.picture(width_bytes * 8, rows, black);
        }
        Token::QrStore(said) => native.said = said,
        Token::QrModule(dots) => native.module = dots.clamp(1, 16),
        Token::QrPrint => {
            if let Some((side, dark)) = qr::modules(&native.said) {
                let module = usize::from(native.module);
                let black = |x: usize, y: usize| dark.get(y / module * side + x / module) == Some(&true);
                paper.picture(side * module, side * module, black);
            }
        }
        Token::Cut(Cut::Full | Cut::Partial) => paper.cut(),
        // The two-byte set is the lexer's business; the rest prints nothing.
        Token::Hanzi(_) | Token::Drawer(..) | Token::AskStatus(_) | Token::AskStatusNow(_) | Token::Other(_) => {}
    }
}

#[cfg(test)]
mod tests;
