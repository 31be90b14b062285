//! What leaves for the printer, against bytes taken from the reference and from other implementations.

use guitai_core::{
    ids::{AccountId, Issuer, Numbering, StoreId, TillId},
    money::Fen,
    receipt::Kind,
    secret::Wallet,
    time::parse_beijing,
};

use super::*;
use crate::wire::{Cut, Token, tokens};

fn receipt() -> Receipt {
    let now = parse_beijing("20260105101112").expect("a time");
    Receipt {
        title: "中文药房".into(),
        store: StoreId::parse("S001").expect("a name"),
        till: TillId::parse("T1").expect("a name"),
        cashier: AccountId::parse("01").expect("a name"),
        order_no: Numbering::resume(Issuer::new(1234).expect("in range"), None).next(now),
        kind: Kind::Sale,
        state: "支付成功".into(),
        amount: Fen::new(12_850),
        received: Fen::new(12_850),
        wallet: Some(Wallet::Alipay),
        acquirer_no: None,
        wallet_no: None,
        paid_at: "2026-01-05 10:11:12".into(),
        printed_at: "2026-01-05 10:11:14".into(),
        bill_number: None,
        copy: 1,
        reprint: false,
    }
}

fn bytes(receipt: &Receipt) -> Vec<u8> {
    compose(receipt, &PrinterProfile::common(Columns::Mm58))
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn count(haystack: &[u8], needle: &[u8]) -> usize {
    haystack.windows(needle.len()).filter(|window| *window == needle).count()
}

#[test]
fn chinese_is_gbk_in_two_byte_mode_switched_on_after_the_reset() {
    let sent = bytes(&receipt());
    assert!(sent.starts_with(&[0x1b, 0x40, 0x1c, 0x26]), "{:02x?}", &sent[..8]);
    assert!(holds(&sent, &[0xd6, 0xd0, 0xce, 0xc4]), "中文 is D6 D0 CE C4");
    assert!(holds(&sent, &[0xa3, 0xa4, b'1', b'2', b'8', b'.', b'5', b'0']), "￥ is A3 A4");
    assert!(!holds(&sent, "中".as_bytes()), "no UTF-8");
    assert!(!holds(&sent, &[0x81, 0x30, 0x84, 0x36]), "no four-byte yen, which prints as 0 6");
    assert_eq!(count(&sent, &[0x1b, 0x40]), 1);
    assert_eq!(count(&sent, &[0x1c, 0x26]), 1);
    assert_eq!(count(&sent, &[0x1c, 0x2e]), 0, "one mode for the whole job");
}

#[test]
fn the_end_is_a_partial_cut_and_the_question() {
    let sent = bytes(&receipt());
    assert!(sent.ends_with(&[0x1b, 0x64, 3, 0x1d, 0x56, 0x42, 0x00, 0x1d, 0x72, 0x01]));
    assert_eq!(count(&sent, &[0x1d, 0x56]), 1);
    let read = tokens(&sent);
    assert_eq!(read.iter().filter(|token| **token == Token::Cut(Cut::Partial)).count(), 1);
    assert_eq!(read.last(), Some(&Token::AskStatus(1)));
    assert!(!read.iter().any(|token| matches!(token, Token::Drawer(..) | Token::Other(_))), "{read:?}");
}

#[test]
fn what_can_be_neither_sent_nor_drawn_is_a_missing_type_and_the_columns_still_end_at_the_edge() {
    let wild = Receipt { title: "药😀𠮷房".into(), bill_number: Some("單é😀¥€".into()), ..receipt() };
    let sent = compose_with(&wild, &PrinterProfile::common(Columns::Mm58), &|| None);
    assert!(holds(&sent, &[0xd2, 0xa9, 0xa1, 0xfe, 0xa1, 0xfe, 0xb7, 0xbf]), "药〓〓房");
    assert!(!holds(&sent, b"&#"), "no HTML references");
    let text = crate::render::text(&sent);
    let line = text.lines().find(|line| line.starts_with("单据号")).expect("the bill's line");
    assert!(line.ends_with(" 單é〓￥EUR"), "{line}");
    assert_eq!(GBK.encode(line).0.len(), 32);
    assert!(!text.contains('?'), "{text}");
}

/// 䶵, ç and 한 are in no GBK and in every font that Debian has for hanzi.
#[test]
fn a_line_beyond_gbk_is_a_picture_and_the_others_stay_text() {
    for columns in Columns::ALL {
        let rare = Receipt { title: "䶵药房".into(), bill_number: Some("ç한1".into()), ..receipt() };
        let profile = PrinterProfile::common(columns);
        let (sent, plain) = (compose(&rare, &profile), compose(&receipt(), &profile));
        let text = crate::render::text(&sent);
        let wide = columns.dots();
        let pictures: Vec<&str> = text.lines().filter(|line| line.starts_with(&format!("[picture {wide}x"))).collect();
        assert_eq!(pictures.len(), 3, "the title in two bands and the bill's number: {text}");
        let rest = |text: &str| -> Vec<String> {
            let kept = |line: &&str| !line.starts_with("[picture") && !line.starts_with("中文");
            text.lines().filter(kept).map(str::to_owned).collect()
        };
        assert_eq!(rest(&text), rest(&crate::render::text(&plain)));
        assert!(!text.contains('〓') && !text.contains('?'), "{text}");
        assert!(!tokens(&sent).iter().any(|token| matches!(token, Token::Other(_))));
    }
}

#[test]
fn a_printer_of_gb18030_is_given_four_bytes() {
    let profile = PrinterProfile { encoding: Encoding::Gb18030, ..PrinterProfile::common(Columns::Mm58) };
    let rare = Receipt { title: "㐂寿司𠮷".into(), bill_number: Some("é😀¥€".into()), ..receipt() };
    let sent = compose_with(&rare, &profile, &|| panic!("nothing is drawn"));
    assert!(holds(&sent, &[0x81, 0x39, 0xef, 0x31, 0xca, 0xd9, 0xcb, 0xbe, 0x95, 0x34, 0xb2, 0x35]), "㐂寿司𠮷");
    assert!(!holds(&sent, &[0x81, 0x30, 0x84, 0x36]), "no four-byte yen");
    let text = crate::render::text(&sent);
    assert_eq!(text.lines().next(), Some("㐂寿司𠮷"));
    let line = text.lines().find(|line| line.starts_with("单据号")).expect("the bill's line");
    assert!(line.ends_with(" é😀￥EUR") && Printable::new(line).columns() == 32, "{line}");
    assert_eq!(compose(&receipt(), &profile), bytes(&receipt()), "what GBK has is the same");
}

#[test]
fn names_cannot_carry_commands() {
    let drawer = "\u{1b}p\0\u{19}\u{fa}";
    let evil = Receipt {
        title: format!("可乐{drawer}AB\u{1d}V\0"),
        state: format!("{drawer}\u{1b}@\u{1c}.\u{10}\u{4}\u{1}"),
        bill_number: Some(format!("1\n2\r3\u{7f}{drawer}")),
        wallet_no: Some("\u{1d}(k\u{3}\0\u{1d}r\u{1}".into()),
        ..receipt()
    };
    let kinds = |receipt: &Receipt| -> Vec<Token> {
        let command = |token: &Token| !matches!(token, Token::Char { .. } | Token::LineFeed | Token::Raster { .. });
        tokens(&bytes(receipt)).into_iter().filter(command).collect()
    };
    let tame = Receipt {
        title: "可乐púABV".into(),
        state: "pú@.".into(),
        bill_number: Some("123pú".into()),
        wallet_no: Some("(kr".into()),
        ..receipt()
    };
    assert_eq!(kinds(&evil), kinds(&tame));
    assert_eq!(
        crate::render::text(&bytes(&evil)).lines().next(),
        Some("可乐púABV"),
        "fa is a letter, the rest is gone"
    );
}

#[test]
fn the_raster_code_is_the_number_in_bands() {
    let sent = bytes(&receipt());
    let mut rows = Vec::new();
    for token in tokens(&sent) {
        if let Token::Raster { width_bytes, data } = token {
            assert_eq!(width_bytes, 22, "29 modules of 6 dots are 174 dots");
            assert!(data.len() <= width_bytes * BAND_ROWS);
            rows.extend(data.chunks(width_bytes).map(<[u8]>::to_vec).collect::<Vec<_>>());
        }
    }
    assert_eq!(rows.len(), 174);
    let black = |module_x: usize, module_y: usize| {
        let (x, y) = ((module_x + 4) * 6 + 3, (module_y + 4) * 6 + 3);
        rows[y][x / 8] >> (7 - x % 8) & 1 == 1
    };
    assert!(rows[..24].iter().all(|row| row.iter().all(|byte| *byte == 0)), "a quiet zone above");
    // The three finder patterns: a dark ring, a light ring, a dark 3 by 3.
    for (left, top) in [(0, 0), (14, 0), (0, 14)] {
        for at in 0..7 {
            assert!(black(left + at, top) && black(left, top + at) && black(left + at, top + 6));
        }
        assert!(!black(left + 1, top + 1) && !black(left + 5, top + 3));
        assert!(black(left + 2, top + 2) && black(left + 4, top + 4));
    }
    assert!(!holds(&sent, &[0x1d, b'(', b'k']), "no native command by default");
}

#[test]
fn the_native_code_is_model_2_with_counted_data() {
    let profile = PrinterProfile { qr: Qr::Native, ..PrinterProfile::common(Columns::Mm80) };
    let sent = compose(&receipt(), &profile);
    assert!(holds(&sent, &[0x1d, 0x28, 0x6b, 0x04, 0x00, 0x31, 0x41, 0x32, 0x00]), "Model 2");
    let digits = receipt().order_no;
    let stored = [&[0x1d, 0x28, 0x6b, 23, 0, 0x31, 0x50, 0x30], digits.as_str().as_bytes()].concat();
    assert!(holds(&sent, &stored));
    assert!(holds(&sent, &[0x1d, 0x28, 0x6b, 0x03, 0x00, 0x31, 0x51, 0x30]));
    assert!(tokens(&sent).contains(&Token::QrStore(digits.as_str().as_bytes().to_vec())));
}

#[test]
fn composing_again_gives_the_same_bytes_once() {
    let receipt = receipt();
    let first = bytes(&receipt);
    assert_eq!(first, bytes(&receipt), "nothing of one job is left for the next");
    assert_eq!(count(&first, &[0xd6, 0xd0, 0xce, 0xc4]), 1);
    let reprint = bytes(&Receipt { reprint: true, copy: 2, ..receipt });
    assert!(holds(&reprint, &[0xb2, 0xb9, 0xb4, 0xf2]), "补打");
    assert!(!holds(&first, &[0xb2, 0xb9, 0xb4, 0xf2]));
}

#[test]
fn every_style_is_undone_before_the_next_line() {
    let mut open = (1, 1, false, 0, false);
    for token in tokens(&bytes(&receipt())) {
        match token {
            Token::Size(wide, high) => (open.0, open.1) = (wide, high),
            Token::Bold(on) => open.2 = on,
            Token::Align(n) => open.3 = n,
            Token::HanziSize(wide, high) => open.4 = wide || high,
            Token::Char { glyph: '-', .. } => assert_eq!(open, (1, 1, false, 0, false), "rules are plain"),
            _ => {}
        }
    }
    assert_eq!(open, (1, 1, false, 0, false));
}
