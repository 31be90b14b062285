//! A receipt into the bytes of ESC/POS.
//!
//! The `escpos` crate builds the stream over an in-memory driver. What it gets wrong for us is bridged here (devices.md 1.1):
//!
//! | the crate | here |
//! | --- | --- |
//! | `print()` after a failure sends everything again | one [`Printer`] per job over memory that cannot fail; the bytes leave once |
//! | UTF-8 text, no Chinese mode | the printer's encoder, `FS &` right after `ESC @`, one mode for the whole job |
//! | a character GBK lacks fails the receipt or prints as `&#128512;` | its line is a picture, or it becomes `〓` |
//! | text is not filtered | lines hold [`Printable`] only |
//! | `partial_cut()` sends the full cut `1D 56 41` | `1D 56 42 00` |
//! | QR is Model 1 | a picture by default, Model 2 when native |
//! | widths are counted in bytes or characters | the core lays out, this pads by its columns |

use std::cell::RefCell;

use encoding_rs::{GB18030, GBK};
use escpos::{
    driver::Driver,
    errors::Result as EscposResult,
    printer::Printer,
    utils::{Encoder, JustifyMode, Protocol},
};
use guitai_core::{
    ids::OrderNo,
    receipt::{Align, Columns, Line, Printable, Receipt, Style},
};

use crate::{
    qr::modules,
    render::{self, Font},
};

const PLAIN: Style = Style { align: Align::Left, wide: 1, high: 1, bold: false };

const HANZI_ON: &[u8] = &[0x1c, b'&'];
const PARTIAL_CUT: &[u8] = &[0x1d, b'V', b'B', 0];
const ASK_PAPER: &[u8] = &[0x1d, b'r', 1];

/// Dots of one QR module, 0.75 mm: what a phone or a scan box reads from cheap paper at arm's length.
const MODULE_DOTS: usize = 6;

/// White modules around a QR code; the standard wants 4.
const QUIET_MODULES: usize = 4;

/// Rows of one raster band: at most 72 bytes wide it stays under 3 KiB, so a slow link keeps moving.
const BAND_ROWS: usize = 40;

/// What a certain printer can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrinterProfile {
    /// Its paper.
    pub columns: Columns,
    /// How it is given a QR code.
    pub qr: Qr,
    /// How it is given text.
    pub encoding: Encoding,
}

impl PrinterProfile {
    /// What nearly every printer sold in China understands.
    #[must_use]
    pub const fn common(columns: Columns) -> Self {
        Self { columns, qr: Qr::Raster, encoding: Encoding::Gbk }
    }
}

/// How a printer is given a QR code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qr {
    /// As a picture, `GS v 0`, which nearly all printers have.
    Raster,
    /// As data, `GS ( k`; printers that lack it print the digits as text.
    Native,
}

/// How a printer is given text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// One or two bytes a character, which every printer sold in China has. A line that holds any other character is sent as a
    /// picture, with `〓` for those that no installed font has.
    Gbk,
    /// Four bytes for what GBK lacks: printers that say GB18030 on their self-test.
    Gb18030,
}

/// Printed for a character that can be neither sent nor drawn: the mark of a missing type, so that nobody takes the name for
/// whole.
const MISSING: char = '〓';

/// The bytes of one copy, from `ESC @` to the question that is answered when all is printed.
#[must_use]
pub fn compose(receipt: &Receipt, profile: &PrinterProfile) -> Vec<u8> {
    compose_with(receipt, profile, &Font::installed)
}

/// Like [`compose`], with a font that is asked for only when a line must be drawn.
#[must_use]
pub fn compose_with<'a>(receipt: &Receipt, profile: &PrinterProfile, font: &dyn Fn() -> Option<&'a Font>) -> Vec<u8> {
    let encoder = match profile.encoding {
        Encoding::Gbk => Encoder::new(GBK),
        Encoding::Gb18030 => Encoder::new(GB18030),
    };
    let mut printer = Printer::new(Memory::default(), Protocol::new(encoder), None);
    write(&mut printer, &receipt.lines(profile.columns), profile, font)
        .expect("sizes are 1 to 3, text is encodable after the filter, and memory takes every byte");
    printer.driver().0.into_inner()
}

fn write<'a>(
    printer: &mut Printer<Memory>,
    lines: &[Line],
    profile: &PrinterProfile,
    font: &dyn Fn() -> Option<&'a Font>,
) -> EscposResult<()> {
    printer.init()?.custom(HANZI_ON)?;
    for line in lines {
        match line {
            Line::Text { text, style } => match sendable(text.as_str(), profile.encoding, font) {
                Sendable::Text(text) => write_text(printer, &text, *style)?,
                Sendable::Picture(text, font) => draw(printer, &text, *style, font, profile.columns)?,
            },
            Line::Pair { left, right } => {
                match sendable(&spread(left, right, profile.columns), profile.encoding, font) {
                    Sendable::Text(text) => {
                        printer.write(&text)?.write("\n")?;
                    }
                    Sendable::Picture(text, font) => draw(printer, &text, PLAIN, font, profile.columns)?,
                }
            }
            Line::Rule => {
                printer.write(&"-".repeat(profile.columns.get()))?.write("\n")?;
            }
            Line::Qr(order_no) => write_qr(printer, order_no, profile.qr)?,
            Line::Feed(lines) => {
                printer.feeds(*lines)?;
            }
            Line::Cut => {
                printer.custom(PARTIAL_CUT)?;
            }
        }
    }
    printer.custom(ASK_PAPER)?.print()?;
    Ok(())
}

/// Leaves the printer plain and left-aligned, so that no line depends on the one before it.
fn write_text(printer: &mut Printer<Memory>, text: &str, style: Style) -> EscposResult<()> {
    let sized = (style.wide, style.high) != (1, 1);
    printer.justify(justify(style.align))?;
    if style.bold {
        printer.bold(true)?;
    }
    if sized {
        // Cheap printers take the size of hanzi from FS ! alone; on the others the later GS ! decides.
        printer.custom(&hanzi_size(style))?.size(style.wide, style.high)?;
    }
    printer.write(text)?.write("\n")?;
    if sized {
        printer.custom(&hanzi_size(Style { wide: 1, high: 1, ..style }))?.size(1, 1)?;
    }
    if style.bold {
        printer.bold(false)?;
    }
    printer.justify(JustifyMode::LEFT)?;
    Ok(())
}

/// A label at the left edge and its value at the right one.
fn spread(left: &Printable, right: &Printable, width: Columns) -> String {
    let gap = width.get().saturating_sub(left.columns() + right.columns()).max(1);
    format!("{}{}{}", left.as_str(), " ".repeat(gap), right.as_str())
}

/// A line as dots, across the whole paper.
fn draw(printer: &mut Printer<Memory>, text: &str, style: Style, font: &Font, width: Columns) -> EscposResult<()> {
    let (width_bytes, rows) = render::line(text, style, font, width.dots());
    for band in rows.chunks(BAND_ROWS * width_bytes) {
        printer.custom(&raster(width_bytes, band))?;
    }
    Ok(())
}

fn write_qr(printer: &mut Printer<Memory>, order_no: &OrderNo, qr: Qr) -> EscposResult<()> {
    printer.justify(JustifyMode::CENTER)?;
    match qr {
        Qr::Raster => {
            let (width_bytes, rows) = picture(order_no);
            for band in rows.chunks(BAND_ROWS * width_bytes) {
                printer.custom(&raster(width_bytes, band))?;
            }
        }
        Qr::Native => {
            printer.custom(&native(order_no))?.write("\n")?;
        }
    }
    printer.justify(JustifyMode::LEFT)?;
    Ok(())
}

const fn justify(align: Align) -> JustifyMode {
    match align {
        Align::Left => JustifyMode::LEFT,
        Align::Centre => JustifyMode::CENTER,
        Align::Right => JustifyMode::RIGHT,
    }
}

/// `FS ! n` knows only single and double.
const fn hanzi_size(style: Style) -> [u8; 3] {
    let wide = if style.wide > 1 { 4 } else { 0 };
    let high = if style.high > 1 { 8 } else { 0 };
    [0x1c, b'!', wide | high]
}

/// How a line reaches the printer.
enum Sendable<'a> {
    Text(String),
    Picture(String, &'a Font),
}

/// Nothing is lost silently: what can be neither sent nor drawn is [`MISSING`].
fn sendable<'a>(text: &str, encoding: Encoding, font: &dyn Fn() -> Option<&'a Font>) -> Sendable<'a> {
    let in_gbk = |c: char| !GBK.encode(c.encode_utf8(&mut [0; 4])).2;
    if encoding == Encoding::Gb18030 || text.chars().all(in_gbk) {
        return Sendable::Text(text.to_owned());
    }
    let only = |kept: &dyn Fn(char) -> bool| text.chars().map(|c| if kept(c) { c } else { MISSING }).collect();
    match font() {
        Some(font) if text.chars().any(|c| !in_gbk(c) && font.has(c)) => {
            Sendable::Picture(only(&|c| in_gbk(c) || font.has(c)), font)
        }
        Some(_) | None => Sendable::Text(only(&in_gbk)),
    }
}

/// Width in bytes and the packed rows, quiet zone included.
fn picture(order_no: &OrderNo) -> (usize, Vec<u8>) {
    let (side, dark) = modules(order_no.as_str().as_bytes()).expect("20 digits fit the smallest code");
    let dots = (side + 2 * QUIET_MODULES) * MODULE_DOTS;
    let width_bytes = dots.div_ceil(8);
    let black = |x: usize, y: usize| {
        let module = |at: usize| (at / MODULE_DOTS).checked_sub(QUIET_MODULES).filter(|module| *module < side);
        module(x).zip(module(y)).is_some_and(|(x, y)| dark.get(y * side + x) == Some(&true))
    };
    let byte = |at: usize| {
        let (x, y) = (at % width_bytes * 8, at / width_bytes);
        (0..8).fold(0, |byte, bit| byte << 1 | u8::from(black(x + bit, y)))
    };
    (width_bytes, (0..width_bytes * dots).map(byte).collect())
}

fn raster(width_bytes: usize, band: &[u8]) -> Vec<u8> {
    let size = |count: usize| u16::try_from(count).expect("a band is at most 72 bytes by 40 rows").to_le_bytes();
    let ([xl, xh], [yl, yh]) = (size(width_bytes), size(band.len() / width_bytes));
    [&[0x1d, b'v', b'0', 0, xl, xh, yl, yh], band].concat()
}

fn native(order_no: &OrderNo) -> Vec<u8> {
    let digits = order_no.as_str().as_bytes();
    let stored = u8::try_from(digits.len() + 3).expect("20 digits and 3 bytes of function");
    let module = u8::try_from(MODULE_DOTS).expect("a single digit");
    [
        &[0x1d, b'(', b'k', 4, 0, b'1', b'A', b'2', 0],
        [0x1d, b'(', b'k', 3, 0, b'1', b'C', module].as_slice(),
        &[0x1d, b'(', b'k', 3, 0, b'1', b'E', b'1'],
        &[0x1d, b'(', b'k', stored, 0, b'1', b'P', b'0'],
        digits,
        &[0x1d, b'(', b'k', 3, 0, b'1', b'Q', b'0'],
    ]
    .concat()
}

/// Where the crate writes to.
#[derive(Default)]
struct Memory(RefCell<Vec<u8>>);

impl Driver for Memory {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    fn write(&self, data: &[u8]) -> EscposResult<()> {
        self.0.try_borrow_mut()?.extend_from_slice(data);
        Ok(())
    }

    fn read(&self, _: &mut [u8]) -> EscposResult<usize> {
        Ok(0)
    }

    fn flush(&self) -> EscposResult<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
