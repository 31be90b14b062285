//! A strip of paper under a print head: lines of characters, pictures, feeds and cuts.

use super::font::Font;

/// A half-width cell.
const CELL_WIDE: u16 = 12;
const CELL_HIGH: u16 = 24;

/// From line to line at normal size.
const LINE_DOTS: usize = 30;

/// Space above the first line.
const MARGIN_DOTS: usize = 12;

/// Longest strip: 2.5 m. A stream that wants more is broken.
const ROWS_MAX: usize = 20_000;

/// Widest paper: 112 mm printers have 832 dots.
const WIDTH_MAX: usize = 1_024;

/// How characters look from now on. Sizes are times as wide, times as high.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) bold: bool,
    pub(super) half: (u8, u8),
    pub(super) full: (u8, u8),
}

const PLAIN: Style = Style { bold: false, half: (1, 1), full: (1, 1) };

struct Placed {
    c: char,
    wide: u16,
    high: u16,
    bold: bool,
}

pub(super) struct Paper<'a> {
    font: &'a Font,
    width: usize,
    /// Dots, row by row; true is black.
    dots: Vec<bool>,
    /// The row where the next line begins.
    top: usize,
    line: Vec<Placed>,
    align: u8,
    pub(super) style: Style,
}

impl<'a> Paper<'a> {
    pub(super) fn new(font: &'a Font, width: usize) -> Self {
        let width = width.clamp(8, WIDTH_MAX);
        Self { font, width, dots: Vec::new(), top: MARGIN_DOTS, line: Vec::new(), align: 0, style: PLAIN }
    }

    pub(super) fn put(&mut self, c: char, full: bool) {
        let (times, cells) = if full { (self.style.full, 2) } else { (self.style.half, 1) };
        let placed = Placed {
            c,
            wide: CELL_WIDE * cells * u16::from(times.0),
            high: CELL_HIGH * u16::from(times.1),
            bold: self.style.bold,
        };
        if self.line_width() + usize::from(placed.wide) > self.width {
            self.end_line();
        }
        self.line.push(placed);
    }

    pub(super) fn end_line(&mut self) {
        let high = self.line.iter().map(|placed| usize::from(placed.high)).max().unwrap_or(0);
        let spacing = LINE_DOTS - usize::from(CELL_HIGH);
        let mut left = self.indent(self.line_width());
        for placed in std::mem::take(&mut self.line) {
            let top = self.top + high - usize::from(placed.high);
            let font = self.font;
            font.draw(placed.c, placed.wide, placed.high, |x, y| {
                for shift in 0..=i32::from(placed.bold) {
                    self.blacken_at((left, x + shift), (top, y));
                }
            });
            left += usize::from(placed.wide);
        }
        self.top += (high + spacing).max(LINE_DOTS);
    }

    pub(super) fn feed_lines(&mut self, lines: u8) {
        self.finish_begun();
        self.top += LINE_DOTS * usize::from(lines);
    }

    pub(super) fn feed_dots(&mut self, dots: usize) {
        self.finish_begun();
        self.top += dots;
    }

    pub(super) fn reset(&mut self) {
        self.finish_begun();
        self.align = 0;
        self.style = PLAIN;
    }

    pub(super) fn align(&mut self, n: u8) {
        // Printers take it at the start of a line only.
        if self.line.is_empty() {
            self.align = n;
        }
    }

    pub(super) fn picture(&mut self, wide: usize, high: usize, black: impl Fn(usize, usize) -> bool) {
        self.finish_begun();
        let left = self.indent(wide);
        for y in 0..high.min(ROWS_MAX) {
            for x in (0..wide).filter(|x| black(*x, y)) {
                self.blacken(left + x, self.top + y);
            }
        }
        self.top += high.min(ROWS_MAX);
    }

    pub(super) fn cut(&mut self) {
        self.finish_begun();
        self.top += LINE_DOTS;
        for x in (0..self.width).filter(|x| x / 8 % 2 == 0) {
            self.blacken(x, self.top);
        }
        self.top += MARGIN_DOTS;
    }

    pub(super) fn into_png(mut self) -> Vec<u8> {
        self.finish_begun();
        let rows = self.top.clamp(1, ROWS_MAX);
        self.dots.resize(rows * self.width, false);
        let packed: Vec<u8> = self.dots.chunks(self.width).flat_map(|row| row.chunks(8).map(pack)).collect();
        let side = |dots: usize| u32::try_from(dots).expect("paper is at most 1,024 by 20,000 dots");
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, side(self.width), side(rows));
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        encoder
            .write_header()
            .and_then(|mut writer| writer.write_image_data(&packed))
            .expect("memory takes every byte and the data is rows times width");
        file
    }

    /// What was set since the beginning, without the margin above it: bytes of a row, and the rows, 1 is black.
    pub(super) fn into_line(mut self) -> (usize, Vec<u8>) {
        self.finish_begun();
        self.dots.resize(self.top * self.width, false);
        let rows = self.dots.chunks(self.width).skip(MARGIN_DOTS);
        (self.width.div_ceil(8), rows.flat_map(|row| row.chunks(8).map(|dots| !pack(dots))).collect())
    }

    fn finish_begun(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
    }

    fn line_width(&self) -> usize {
        self.line.iter().map(|placed| usize::from(placed.wide)).sum()
    }

    fn indent(&self, wide: usize) -> usize {
        let room = self.width.saturating_sub(wide);
        match self.align {
            1 | b'1' => room / 2,
            2 | b'2' => room,
            _ => 0,
        }
    }

    /// A dot beside a cell's corner; outlines may begin a little left of it or above.
    fn blacken_at(&mut self, (left, x): (usize, i32), (top, y): (usize, i32)) {
        let beside = |corner: usize, by: i32| corner.checked_add_signed(isize::try_from(by).ok()?);
        if let (Some(x), Some(y)) = (beside(left, x), beside(top, y)) {
            self.blacken(x, y);
        }
    }

    fn blacken(&mut self, x: usize, y: usize) {
        if x >= self.width || y >= ROWS_MAX {
            return;
        }
        let needed = (y + 1) * self.width;
        if self.dots.len() < needed {
            self.dots.resize(needed, false);
        }
        if let Some(dot) = self.dots.get_mut(y * self.width + x) {
            *dot = true;
        }
    }
}

/// Eight dots, the leftmost in the most significant bit; in a PNG 1 is white.
fn pack(dots: &[bool]) -> u8 {
    (0..8).fold(0, |byte, at| byte << 1 | u8::from(dots.get(at) != Some(&true)))
}
