//! The modules of a QR code.

use qrcode::{Color, EcLevel, QrCode};

/// The modules of a number's QR code, row by row; true is black.
pub(crate) fn modules(digits: &[u8]) -> Option<(usize, Vec<bool>)> {
    let code = QrCode::with_error_correction_level(digits, EcLevel::M).ok()?;
    let dark = code.to_colors().into_iter().map(|color| color == Color::Dark).collect();
    Some((code.width(), dark))
}
