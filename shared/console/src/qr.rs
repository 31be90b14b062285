//! A text as a picture of half blocks, two modules a character, that a telephone reads off a screen.

use qrcode::{Color, EcLevel, QrCode};

/// White around the code, in modules.
const QUIET: usize = 2;

/// Black on white whatever the terminal's colours are, and back.
const COLOURS: (&str, &str) = ("\x1b[30;107m", "\x1b[0m");

/// The picture's lines for a terminal with colours; `None` if the text is too long for a code.
#[must_use]
pub fn qr(text: &str) -> Option<Vec<String>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let side = code.width() + 2 * QUIET;
    let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < code.width());
    let dark = |x: usize, y: usize| match (inside(x), inside(y)) {
        (Some(x), Some(y)) => code[(x, y)] == Color::Dark,
        (_, None) | (None, _) => false,
    };
    let (begin, end) = COLOURS;
    let row = |y: usize| {
        let blocks = (0..side).map(|x| match (dark(x, y), dark(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        });
        format!("{begin}{}{end}", blocks.collect::<String>())
    };
    Some((0..side).step_by(2).map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_square_with_its_finders_in_three_corners() {
        let lines = qr("9H4XK-TT1PV-8C2QJ").expect("short enough");
        let plain: Vec<Vec<char>> =
            lines.iter().map(|line| line.replace(COLOURS.0, "").replace(COLOURS.1, "").chars().collect()).collect();
        let side = plain[0].len();
        assert_eq!(lines.len(), side.div_ceil(2));
        // The top edge of a finder is seven dark modules; two white rows stand above it.
        let top: String = plain[1].iter().collect();
        assert!(top.starts_with("  █▀▀▀▀▀█") && top.ends_with("█▀▀▀▀▀█  "), "{top}");
        assert!(qr(&"x".repeat(4000)).is_none());
    }
}
