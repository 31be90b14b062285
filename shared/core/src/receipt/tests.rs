//! What receipts say, and that every line fits.

use super::*;

fn receipt() -> Receipt {
    Receipt {
        title: "海棠大药房连锁有限公司".into(),
        store: StoreId::parse("S001").expect("a name"),
        till: TillId::parse("T1").expect("a name"),
        cashier: AccountId::parse("01").expect("a name"),
        order_no: number(),
        kind: Kind::Sale,
        state: "支付成功".into(),
        amount: Fen::new(12_850),
        received: Fen::new(12_850),
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

fn number() -> OrderNo {
    let now = crate::time::parse_beijing("20260105101112").expect("a time");
    crate::ids::Numbering::resume(crate::ids::Issuer::new(1234).expect("in range"), None).next(now)
}

fn words(lines: &[Line]) -> Vec<String> {
    let word = |line: &Line| match line {
        Line::Text { text, .. } => text.as_str().to_string(),
        Line::Pair { left, right } => format!("{}|{}", left.as_str(), right.as_str()),
        Line::Rule => "-".into(),
        Line::Qr(no) => format!("qr {no}"),
        Line::Feed(n) => format!("feed {n}"),
        Line::Cut => "cut".into(),
    };
    lines.iter().map(word).collect()
}

fn line_columns(line: &Line) -> usize {
    match line {
        Line::Text { text, style } => text.columns() * usize::from(style.wide),
        Line::Pair { left, right } => left.columns() + 1 + right.columns(),
        Line::Rule | Line::Qr(_) | Line::Feed(_) | Line::Cut => 0,
    }
}

#[test]
fn the_filter_lets_no_command_through() {
    let table = [
        ("可乐\u{1b}p\0\u{19}ABC", "可乐pABC"),
        ("a\r\nb\tc\u{7f}d\u{85}e", "abcde"),
        ("¥5 ￥6", "￥5 ￥6"),
        ("€7", "EUR7"),
        ("零\u{200b}宽\u{feff}\u{202e}", "零宽"),
        ("\u{1c}.\u{1d}V\0\u{10}\u{4}\u{1}", ".V"),
    ];
    for (dirty, clean) in table {
        assert_eq!(Printable::new(dirty).as_str(), clean);
    }
    let all: String = (0..=0x9f_u32).filter_map(char::from_u32).collect();
    let kept = Printable::new(&all);
    assert!(kept.as_str().bytes().all(|b| (0x20..0x7f).contains(&b)), "{kept:?}");
    assert_eq!(Printable::new(&"药".repeat(500)).as_str().chars().count(), TEXT_MAX_CHARS);
}

#[test]
fn columns_are_counted_as_gbk_counts_bytes() {
    for (text, wide) in [("", 0), ("abc", 3), ("中文", 4), ("￥12.50", 7), ("é", 2), ("①", 2)] {
        assert_eq!(Printable::new(text).columns(), wide, "{text}");
    }
}

#[test]
fn wrapping_never_splits_a_hanzi_and_never_overflows() {
    let wrapped = |text: &str, room| -> Vec<String> {
        Printable::new(text).wrap(room).iter().map(|piece| piece.as_str().to_string()).collect()
    };
    assert_eq!(wrapped("中文字", 5), ["中文", "字"]);
    assert_eq!(wrapped("a中文字", 5), ["a中文", "字"]);
    assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
    assert_eq!(wrapped("one two", 7), ["one two"]);
    assert_eq!(wrapped("   ", 7), Vec::<String>::new());
    assert_eq!(wrapped("药药", 0), ["药", "药"], "a room without room still ends");
    for room in 2..40 {
        let text = "海棠 Pharmacy 大药房abc连锁 No. 12 (总店)";
        let pieces = Printable::new(text).wrap(room);
        assert!(pieces.iter().all(|piece| piece.columns() <= room), "{room}");
        let joined: String = pieces.iter().flat_map(|p| p.as_str().chars()).filter(|c| *c != ' ').collect();
        assert_eq!(joined, text.replace(' ', ""), "nothing is lost at {room}");
    }
}

#[test]
fn a_sale_reads_top_down() {
    let order = receipt().order_no;
    assert_eq!(
        words(&receipt().lines(Columns::Mm58)),
        [
            "海棠大药房连",
            "锁有限公司",
            "收款凭证",
            "-",
            "门店|S001",
            "收银台|T1",
            "收银员|01",
            "单据号|XS-000123",
            "-",
            "收款金额",
            "￥128.50",
            "支付成功",
            "-",
            "支付方式|微信支付",
            &format!("订单号|{order}"),
            "交易单号|112094120001088316",
            "微信单号",
            "4200002345202601051234567890",
            "支付时间|2026-01-05 10:11:12",
            "打印时间|2026-01-05 10:11:14",
            "-",
            &format!("qr {order}"),
            "凭此码查询或退款",
            "第1联",
            "feed 3",
            "cut",
        ]
    );
}

#[test]
fn wide_paper_keeps_long_numbers_beside_their_label() {
    let lines = words(&receipt().lines(Columns::Mm80));
    assert!(lines.contains(&"微信单号|4200002345202601051234567890".to_string()), "{lines:?}");
    assert!(lines.contains(&"海棠大药房连锁有限公司".to_string()), "{lines:?}");
}

#[test]
fn a_paper_of_42_columns_holds_21_hanzi() {
    let names = Columns::ALL.map(|paper| (paper.get(), Columns::of(paper.get()) == Some(paper)));
    assert_eq!(names, [(32, true), (42, true), (48, true)]);
    assert_eq!([0, 31, 33, 40, 47, 49, 64, 255].map(Columns::of), [None; 8]);
    for paper in Columns::ALL {
        let fitting = usize::try_from(paper.dots()).expect("small") / 12;
        assert_eq!(fitting, paper.get(), "{paper:?}: columns of 12 dots, and what is left of one");
    }
    let named = |hanzi| Receipt { bill_number: Some("药".repeat(hanzi)), ..receipt() }.lines(Columns::Mm80Narrow);
    let lines = named(21);
    assert!(words(&lines).contains(&"药".repeat(21)), "{lines:?}");
    let widest = |lines: &[Line]| lines.iter().map(line_columns).max();
    assert_eq!((widest(&lines), widest(&named(22))), (Some(42), Some(42)));
    assert!(words(&named(22)).contains(&"药".to_string()), "the 22nd goes on below");
}

#[test]
fn the_amount_is_the_largest_thing_and_stays_on_one_line() {
    for fen in [1, 12_850, 9_999_999, crate::limits::AMOUNT_MAX_FEN] {
        for width in Columns::ALL {
            let lines = Receipt { amount: Fen::new(fen), ..receipt() }.lines(width);
            let area = |style: &Style| u16::from(style.wide) * u16::from(style.high);
            let (mut amount, mut others) = (Vec::new(), Vec::new());
            for line in &lines {
                if let Line::Text { text, style } = line {
                    let list = if text.as_str() == money(Fen::new(fen)) { &mut amount } else { &mut others };
                    list.push(area(style));
                }
            }
            assert_eq!(amount.len(), 1, "{fen} on {width:?}");
            assert!(others.iter().all(|other| *other < amount[0]), "{fen} on {width:?}");
        }
    }
}

#[test]
fn every_line_fits_whatever_the_fields_hold() {
    let long = "长名字 with words ¥€\u{1b}".repeat(20);
    let wild = Receipt {
        title: long.clone(),
        state: long.clone(),
        acquirer_no: Some("9".repeat(90)),
        wallet_no: Some(long.clone()),
        bill_number: Some(long.clone()),
        paid_at: long.clone(),
        amount: Fen::new(crate::limits::AMOUNT_MAX_FEN),
        received: Fen::ZERO,
        reprint: true,
        copy: 255,
        ..receipt()
    };
    for width in Columns::ALL {
        for line in wild.lines(width) {
            assert!(line_columns(&line) <= width.get(), "{line:?}");
        }
    }
}

#[test]
fn a_reprint_says_so_at_both_ends() {
    let lines = words(&Receipt { reprint: true, copy: 3, ..receipt() }.lines(Columns::Mm58));
    assert_eq!(lines.iter().filter(|line| line.contains("补打") && line.contains("第3联")).count(), 2);
    assert!(words(&receipt().lines(Columns::Mm58)).iter().all(|line| !line.contains("补打")));
}

#[test]
fn discounts_and_refunds_have_their_own_words() {
    let paid_less = words(&Receipt { received: Fen::new(12_000), ..receipt() }.lines(Columns::Mm58));
    assert!(paid_less.contains(&"实收金额|￥120.00".to_string()));
    let refund = words(&Receipt { kind: Kind::Refund, ..receipt() }.lines(Columns::Mm58));
    for word in ["退款凭证", "退款金额", "款项原路退回, 凭此码查询"] {
        assert!(refund.contains(&word.to_string()), "{word}");
    }
    assert!(refund.iter().all(|line| !line.contains("收款")));
}
