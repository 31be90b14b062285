//! Pictures are judged by their dots, read back with a PNG decoder.

use guitai_core::{
    ids::{AccountId, Issuer, Numbering, StoreId, TillId},
    money::Fen,
    receipt::{Columns, Kind, Receipt},
    secret::Wallet,
    time::parse_beijing,
};

use super::*;
use crate::printer::{Encoding, PrinterProfile, Qr, compose};

/// The picture as rows of dots, true is black.
fn dots(bytes: &[u8], width: u32) -> Vec<Vec<bool>> {
    let font = Font::find().expect("fonts-wqy-microhei is installed where tests run");
    let file = png(bytes, &font, width);
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().expect("a PNG");
    let mut data = vec![0; reader.output_buffer_size().expect("small")];
    let info = reader.next_frame(&mut data).expect("a picture");
    assert_eq!((info.width, info.bit_depth), (width, png::BitDepth::One));
    let row = |bytes: &[u8]| (0..bytes.len() * 8).map(|x| bytes[x / 8] >> (7 - x % 8) & 1 == 0).collect();
    data.chunks(info.line_size).map(row).collect()
}

/// Left, right, top and bottom of all black.
fn ink(rows: &[Vec<bool>]) -> (usize, usize, usize, usize) {
    let black = |row: &Vec<bool>| row.iter().any(|dot| *dot);
    let xs = || rows.iter().flat_map(|row| row.iter().enumerate().filter(|(_, dot)| **dot).map(|(x, _)| x));
    let top = rows.iter().position(black).expect("something is black");
    let bottom = rows.iter().rposition(black).expect("something is black");
    (xs().min().expect("ink"), xs().max().expect("ink"), top, bottom)
}

fn count(rows: &[Vec<bool>]) -> usize {
    rows.iter().flatten().filter(|dot| **dot).count()
}

pub(super) fn receipt() -> Receipt {
    let now = parse_beijing("20260105101112").expect("a time");
    Receipt {
        title: "海棠大药房".into(),
        store: StoreId::parse("S001").expect("a name"),
        till: TillId::parse("T1").expect("a name"),
        cashier: AccountId::parse("01").expect("a name"),
        order_no: Numbering::resume(Issuer::new(1234).expect("in range"), None).next(now),
        kind: Kind::Sale,
        state: "支付成功".into(),
        amount: Fen::new(12_850),
        received: Fen::new(12_350),
        wallet: Some(Wallet::Wechat),
        acquirer_no: Some("112094120001088316".into()),
        wallet_no: Some("4200002345202601051234567890".into()),
        paid_at: "2026-01-05 10:11:12".into(),
        printed_at: "2026-01-05 10:11:14".into(),
        bill_number: Some("XS-000123".into()),
        copy: 1,
        reprint: false,
    }
}

#[test]
fn hanzi_fill_their_cells_and_sizes_multiply_them() {
    let (left, right, top, bottom) = ink(&dots(b"\x1c&\xd6\xd0\xce\xc4\n", 384));
    assert!(right < 48 && right > 36 && left < 8, "中文 is two cells of 24: {left} to {right}");
    assert!(bottom - top >= 18 && bottom - top <= 26, "{top} to {bottom}");
    let double = ink(&dots(b"\x1c&\x1d!\x11\xd6\xd0\xce\xc4\n", 384));
    assert!(double.1 < 96 && double.1 > 76, "{double:?}");
    assert!(double.3 - double.2 >= 36, "{double:?}");
    let wide = ink(&dots(b"\x1d!\x10HH\n", 384));
    let plain = ink(&dots(b"HH\n", 384));
    assert!(plain.1 < 24 && wide.1 > 30 && wide.1 < 48, "{plain:?} {wide:?}");
    assert!((wide.3 - wide.2).abs_diff(plain.3 - plain.2) <= 1, "{plain:?} {wide:?}");
}

#[test]
fn alignment_and_weight_show() {
    let centre = ink(&dots(b"\x1ba\x01HHHH\n", 384));
    assert!(centre.0 >= 168 && centre.1 < 216, "{centre:?}");
    let right = ink(&dots(b"\x1ba\x02HHHH\n", 384));
    assert!(right.0 >= 336, "{right:?}");
    assert!(count(&dots(b"\x1bE\x01HHHH\n", 384)) > count(&dots(b"HHHH\n", 384)));
}

#[test]
fn a_line_too_long_goes_on_below() {
    let rows = dots(&[b'H'; 33], 384);
    let (_, right, top, bottom) = ink(&rows);
    assert!(right < 384 && bottom - top > 30, "{top} to {bottom}");
}

#[test]
fn pictures_are_drawn_dot_for_dot() {
    let rows = dots(b"\x1dv0\0\x01\0\x02\0\x81\x18", 384);
    let black: Vec<(usize, usize)> =
        rows.iter().enumerate().flat_map(|(y, row)| (0..384).filter(|x| row[*x]).map(move |x| (x, y))).collect();
    let top = black[0].1;
    assert_eq!(black, [(0, top), (7, top), (3, top + 1), (4, top + 1)]);
}

#[test]
fn a_native_code_and_a_raster_code_show_the_same_modules() {
    let columns = Columns::Mm58;
    let ink_of = |qr| {
        let profile = PrinterProfile { qr, ..PrinterProfile::common(columns) };
        let rows = dots(&compose(&receipt(), &profile), columns.dots());
        count(&rows)
    };
    assert_eq!(ink_of(Qr::Raster), ink_of(Qr::Native));
}

#[test]
fn a_receipt_has_its_paper_width_and_ends_with_the_cut() {
    for columns in Columns::ALL {
        let bytes = compose(&receipt(), &PrinterProfile::common(columns));
        let rows = dots(&bytes, columns.dots());
        assert!((700..1_400).contains(&rows.len()), "{}", rows.len());
        let cut = rows.iter().rev().find(|row| row.iter().any(|dot| *dot)).expect("a cut line");
        let half = usize::try_from(columns.dots() / 2).expect("small");
        assert_eq!(cut.iter().filter(|dot| **dot).count(), half);
        if let Ok(folder) = std::env::var("GUITAI_KEEP_PICTURES") {
            let font = Font::find().expect("a font");
            let file = format!("receipt-{}.png", columns.dots());
            std::fs::write(std::path::Path::new(&folder).join(file), png(&bytes, &font, columns.dots())).expect("kept");
        }
    }
}

#[test]
fn a_reprinted_refund_of_a_long_name_fits_too() {
    let refund = Receipt {
        title: "海棠大药房连锁有限公司人民路第二分店".into(),
        kind: Kind::Refund,
        state: "已部分退款".into(),
        amount: Fen::new(guitai_core::limits::AMOUNT_MAX_FEN),
        received: Fen::new(guitai_core::limits::AMOUNT_MAX_FEN),
        wallet: Some(Wallet::Ecny),
        reprint: true,
        copy: 12,
        ..receipt()
    };
    let bytes = compose(&refund, &PrinterProfile::common(Columns::Mm58));
    let said = text(&bytes);
    assert!(said.contains("\n￥500000.00\n") && said.contains("\n补打 第12联\n"), "{said}");
    let rows = dots(&bytes, 384);
    assert!((900..1_600).contains(&rows.len()), "{}", rows.len());
    if let Ok(folder) = std::env::var("GUITAI_KEEP_PICTURES") {
        let font = Font::find().expect("a font");
        std::fs::write(std::path::Path::new(&folder).join("refund-384.png"), png(&bytes, &font, 384)).expect("kept");
    }
}

/// A line that had to be drawn looks as the printer's own would: in its place, size and weight, and dot for dot where the font is
/// the same.
#[test]
fn a_drawn_line_is_the_line_that_a_printer_would_set() {
    let rows = |receipt: &Receipt, encoding| {
        let profile = PrinterProfile { encoding, ..PrinterProfile::common(Columns::Mm58) };
        dots(&compose(receipt, &profile), 384)
    };
    let rare = Receipt { title: "䶵药房".into(), bill_number: Some("ç한-1".into()), ..receipt() };
    assert_eq!(rows(&rare, Encoding::Gbk), rows(&rare, Encoding::Gb18030), "as by a printer that has them");
    let common = Receipt { title: "一药房".into(), ..receipt() };
    let other = rows(&common, Encoding::Gbk);
    let title = |rows: &[Vec<bool>]| rows[..60].to_vec();
    let drawn = title(&rows(&rare, Encoding::Gbk));
    assert_ne!(drawn, title(&other));
    // 药房 stand where they would: the right two thirds of six columns twice as wide in the middle.
    let right = |rows: &[Vec<bool>]| -> Vec<Vec<bool>> { rows.iter().map(|row| row[168 + 4..].to_vec()).collect() };
    assert_eq!(right(&drawn), right(&title(&other)));
    assert!(count(&drawn) > count(&right(&drawn)) + 50, "䶵 is drawn, not left white");
}

#[test]
fn a_character_that_no_font_has_is_a_missing_type_among_the_drawn() {
    let font = Font::find().expect("a font");
    let nowhere = '\u{20bb7}';
    let line =
        |text: &str| compose(&Receipt { title: text.into(), ..receipt() }, &PrinterProfile::common(Columns::Mm58));
    assert!(!font.has('\u{10fffd}') && font.has('한') && font.has('〓'));
    assert_eq!(line("한\u{10fffd}房"), line("한〓房"));
    if !font.has(nowhere) {
        assert_eq!(line("한𠮷房"), line("한〓房"));
        assert_eq!(line("𠮷野家"), line("〓野家"), "as text");
    }
}

#[test]
fn text_is_what_the_customer_reads() {
    let sent = compose(&receipt(), &PrinterProfile::common(Columns::Mm58));
    let said = text(&sent);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[..3], ["海棠大药房", "收款凭证", &"-".repeat(32)]);
    let order = format!("订单号      {}", receipt().order_no);
    let received = format!("实收金额{}￥123.50", " ".repeat(32 - 8 - 8));
    for line in ["￥128.50", "支付成功", &order, &received] {
        assert!(lines.contains(&line), "{line} in {said}");
    }
    assert!(said.ends_with("[cut]\n"), "{said}");
}

#[test]
fn a_missing_font_names_its_package() {
    assert!(FontError::NotFound.to_string().contains("fonts-wqy-microhei"));
    let nowhere = Font::open(std::path::Path::new("/no/such/font.ttf"));
    assert!(matches!(nowhere, Err(FontError::Unreadable(..))));
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), b"no font").expect("written");
    assert!(matches!(Font::open(file.path()), Err(FontError::Unusable(_))));
}

#[test]
fn garbage_never_panics() {
    let font = Font::find().expect("a font");
    for seed in 0..60_u64 {
        let mut state = seed.wrapping_add(7);
        let mut byte = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        };
        let bytes: Vec<u8> =
            (0..600).map(|at| if at % 5 == 0 { [0x1b, 0x1c, 0x1d][usize::from(byte() % 3)] } else { byte() }).collect();
        assert!(!png(&bytes, &font, 384).is_empty(), "seed {seed}");
        let _ = text(&bytes);
    }
}
