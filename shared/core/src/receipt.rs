//! A receipt: what it says and how its lines are laid out, before any printer is known.
//!
//! Width is counted in half-width columns the way GBK counts bytes: ASCII is 1, everything else is 2. All text goes through
//! one filter ([`Printable`]), so neither a control byte nor the yen sign that prints as "0 6" can reach a printer.

mod occasion;

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use crate::{
    ids::{AccountId, OrderNo, StoreId, TillId},
    money::Fen,
    normal::is_hidden,
    secret::Wallet,
};

pub use occasion::Occasion;

/// Longest text of one field. A shop's full registered name has about 40 characters.
pub const TEXT_MAX_CHARS: usize = 128;

/// Lines fed before the cut, so that a printer without a knife shows its last line above the tear bar.
const FEED_BEFORE_CUT: u8 = 3;

/// The paper, named by its width. 8 dots are 1 mm and a half-width character is 12 dots wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// 58 mm paper: 32 columns, 384 dots.
    Mm58,
    /// 80 mm paper under a head of 512 dots, which leaves the edges white: 42 columns, 21 hanzi.
    Mm80Narrow,
    /// 80 mm paper: 48 columns, 576 dots.
    Mm80,
}

impl Columns {
    /// All papers, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Mm58, Self::Mm80Narrow, Self::Mm80];

    /// The paper of so many half-width columns.
    #[must_use]
    pub fn of(columns: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|paper| paper.get() == columns)
    }

    /// Half-width columns of a line.
    #[must_use]
    pub const fn get(self) -> usize {
        match self {
            Self::Mm58 => 32,
            Self::Mm80Narrow => 42,
            Self::Mm80 => 48,
        }
    }

    /// Dots of a line.
    #[must_use]
    pub const fn dots(self) -> u32 {
        match self {
            Self::Mm58 => 384,
            Self::Mm80Narrow => 512,
            Self::Mm80 => 576,
        }
    }
}

/// What the money did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The customer paid.
    Sale,
    /// A payment of the day was taken back whole.
    Void,
    /// Money was given back.
    Refund,
}

/// Everything a receipt says. Texts may hold anything: they are filtered when laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The shop's name as its customers know it.
    pub title: String,
    /// The store.
    pub store: StoreId,
    /// The till.
    pub till: TillId,
    /// Who stood at the till.
    pub cashier: AccountId,
    /// Our number of this movement of money; also the QR code.
    pub order_no: OrderNo,
    /// What the money did.
    pub kind: Kind,
    /// The state in words, the same words the screen shows.
    pub state: String,
    /// The amount asked for, or given back.
    pub amount: Fen,
    /// What was really paid or given back by the customer's wallet; below `amount` when a coupon took part.
    pub received: Fen,
    /// Whose wallet, when it is known.
    pub wallet: Option<Wallet>,
    /// The acquirer's number.
    pub acquirer_no: Option<String>,
    /// The wallet's number, which the customer finds in the bill of the wallet.
    pub wallet_no: Option<String>,
    /// When the money moved, `yyyy-mm-dd HH:MM:SS` on the store's clock.
    pub paid_at: String,
    /// When this copy was made, likewise.
    pub printed_at: String,
    /// The number of the shop's own bill.
    pub bill_number: Option<String>,
    /// Which copy of this receipt, counted from 1 over all reprints.
    pub copy: u8,
    /// Whether somebody asked for it again after it had been printed, or may have been.
    pub reprint: bool,
}

impl Receipt {
    /// The receipt, line by line. Every line fits `width`.
    #[must_use]
    pub fn lines(&self, width: Columns) -> Vec<Line> {
        let mut page = Page { columns: width.get(), lines: Vec::new() };
        self.head(&mut page);
        self.sum(&mut page);
        self.details(&mut page);
        self.foot(&mut page);
        page.lines
    }

    fn head(&self, page: &mut Page) {
        page.balanced(&self.title, Style::TITLE);
        page.text(self.kind.words(), Style::CENTRE);
        if self.reprint {
            page.text(&format!("补打 第{}联", self.copy), Style::NOTICE);
        }
        page.lines.push(Line::Rule);
        page.pair("门店", self.store.as_str());
        page.pair("收银台", self.till.as_str());
        page.pair("收银员", self.cashier.as_str());
        if let Some(number) = &self.bill_number {
            page.pair("单据号", number);
        }
        page.lines.push(Line::Rule);
    }

    fn sum(&self, page: &mut Page) {
        page.text(self.kind.amount_words(), Style::CENTRE);
        page.largest(&money(self.amount));
        page.text(&self.state, Style::STATE);
        page.lines.push(Line::Rule);
    }

    fn details(&self, page: &mut Page) {
        if self.received != self.amount {
            page.pair(self.kind.received_words(), &money(self.received));
        }
        if let Some(wallet) = self.wallet {
            page.pair("支付方式", wallet_words(wallet));
        }
        page.pair("订单号", self.order_no.as_str());
        if let Some(number) = &self.acquirer_no {
            page.pair("交易单号", number);
        }
        if let Some(number) = &self.wallet_no {
            page.pair(wallet_no_words(self.wallet), number);
        }
        page.pair(self.kind.time_words(), &self.paid_at);
        page.pair("打印时间", &self.printed_at);
        page.lines.push(Line::Rule);
    }

    fn foot(&self, page: &mut Page) {
        page.lines.push(Line::Qr(self.order_no));
        page.text(self.kind.advice(), Style::CENTRE);
        let copy = if self.reprint { format!("补打 第{}联", self.copy) } else { format!("第{}联", self.copy) };
        page.text(&copy, Style::CENTRE);
        page.lines.push(Line::Feed(FEED_BEFORE_CUT));
        page.lines.push(Line::Cut);
    }
}

/// One line of a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Words in one style.
    Text {
        /// The words; they fit the line in this style.
        text: Printable,
        /// How they look.
        style: Style,
    },
    /// A label at the left edge and its value at the right edge, with at least one column between.
    Pair {
        /// The label.
        left: Printable,
        /// The value.
        right: Printable,
    },
    /// A line across the paper.
    Rule,
    /// A QR code of the 20 digits of a number.
    Qr(OrderNo),
    /// Empty lines.
    Feed(u8),
    /// The end of the paper.
    Cut,
}

/// How words look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Where on the line.
    pub align: Align,
    /// How many times as wide as normal, 1 to 8.
    pub wide: u8,
    /// How many times as high as normal, 1 to 8.
    pub high: u8,
    /// Heavier strokes.
    pub bold: bool,
}

impl Style {
    const LEFT: Self = Self { align: Align::Left, wide: 1, high: 1, bold: false };
    const RIGHT: Self = Self { align: Align::Right, wide: 1, high: 1, bold: false };
    const CENTRE: Self = Self { align: Align::Centre, wide: 1, high: 1, bold: false };
    const TITLE: Self = Self { align: Align::Centre, wide: 2, high: 2, bold: true };
    const STATE: Self = Self { align: Align::Centre, wide: 2, high: 2, bold: true };
    const NOTICE: Self = Self { align: Align::Centre, wide: 2, high: 2, bold: true };
    /// For the amount, the largest first. All are larger than [`Self::TITLE`].
    const AMOUNT: [Self; 2] = [
        Self { align: Align::Centre, wide: 3, high: 3, bold: true },
        Self { align: Align::Centre, wide: 2, high: 3, bold: true },
    ];
}

/// Where on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// At the left edge.
    Left,
    /// In the middle.
    Centre,
    /// At the right edge.
    Right,
}

/// Text that is safe to send to a device: no control characters, no character known to print as another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printable(String);

impl Printable {
    /// Filters any text; cut after [`TEXT_MAX_CHARS`].
    ///
    /// Dropped: C0 and C1 controls, DEL, and the invisible characters that take no room on a screen but would be a `?` on
    /// paper. Replaced: `¥` by `￥` (GB18030 makes four bytes of U+00A5, printed as "0 6"), `€` by `EUR` (GBK has none).
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut clean = String::new();
        for c in text.chars().filter(|c| !is_hidden(*c)).take(TEXT_MAX_CHARS) {
            match c {
                '¥' => clean.push('￥'),
                '€' => clean.push_str("EUR"),
                '\u{a0}' => clean.push(' '),
                c => clean.push(c),
            }
        }
        Self(clean)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Half-width columns at normal size.
    #[must_use]
    pub fn columns(&self) -> usize {
        columns(&self.0)
    }

    /// Broken into pieces of at most `room` columns, at a space where the line has one, never within a character. Empty
    /// text has no pieces. A room below 2 columns could not hold a hanzi and is taken as 2.
    #[must_use]
    pub fn wrap(&self, room: usize) -> Vec<Self> {
        let room = room.max(2);
        let mut pieces = Vec::new();
        let mut rest = self.0.trim();
        while !rest.is_empty() {
            let fitting = fitting_bytes(rest, room);
            let end = if fitting < rest.len() { break_before(rest, fitting) } else { fitting };
            let (piece, after) = rest.split_at(end);
            pieces.push(Self(piece.trim_end().to_string()));
            rest = after.trim_start();
        }
        pieces
    }
}

impl Kind {
    /// What a row of this kind is on paper.
    #[must_use]
    pub fn of_row(kind: &str) -> Self {
        match kind {
            "void" => Self::Void,
            "refund" => Self::Refund,
            _ => Self::Sale,
        }
    }

    /// The heading.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Sale => "收款凭证",
            Self::Void => "撤销凭证",
            Self::Refund => "退款凭证",
        }
    }

    const fn amount_words(self) -> &'static str {
        match self {
            Self::Sale => "收款金额",
            Self::Void => "撤销金额",
            Self::Refund => "退款金额",
        }
    }

    const fn received_words(self) -> &'static str {
        match self {
            Self::Sale => "实收金额",
            Self::Void | Self::Refund => "实退金额",
        }
    }

    const fn time_words(self) -> &'static str {
        match self {
            Self::Sale => "支付时间",
            Self::Void => "撤销时间",
            Self::Refund => "退款时间",
        }
    }

    const fn advice(self) -> &'static str {
        match self {
            Self::Sale => "凭此码查询或退款",
            Self::Void | Self::Refund => "款项原路退回, 凭此码查询",
        }
    }
}

const fn wallet_words(wallet: Wallet) -> &'static str {
    match wallet {
        Wallet::Wechat => "微信支付",
        Wallet::Alipay => "支付宝",
        Wallet::Unionpay => "银联云闪付",
        Wallet::Bestpay => "翼支付",
        Wallet::Ecny => "数字人民币",
        Wallet::Other => "扫码支付",
    }
}

const fn wallet_no_words(wallet: Option<Wallet>) -> &'static str {
    match wallet {
        Some(Wallet::Wechat) => "微信单号",
        Some(Wallet::Alipay) => "支付宝单号",
        Some(Wallet::Unionpay) => "银联单号",
        Some(Wallet::Bestpay) => "翼支付单号",
        Some(Wallet::Ecny) => "数字人民币单号",
        Some(Wallet::Other) | None => "钱包单号",
    }
}

/// Lines being gathered for one width of paper.
struct Page {
    columns: usize,
    lines: Vec<Line>,
}

impl Page {
    fn text(&mut self, text: &str, style: Style) {
        let room = self.columns / usize::from(style.wide);
        let pieces = Printable::new(text).wrap(room);
        self.lines.extend(pieces.into_iter().map(|text| Line::Text { text, style }));
    }

    /// Like [`Self::text`], with lines of about one length: a name broken as 8 and 3 hanzi looks like a mistake.
    fn balanced(&mut self, text: &str, style: Style) {
        let text = Printable::new(text);
        let room = self.columns / usize::from(style.wide);
        let greedy = text.wrap(room);
        let even = text.columns().div_ceil(greedy.len().max(1)) + 1;
        let balanced = text.wrap(even.min(room));
        let pieces = if balanced.len() == greedy.len() { balanced } else { greedy };
        self.lines.extend(pieces.into_iter().map(|text| Line::Text { text, style }));
    }

    /// In the largest style that holds it on one line.
    fn largest(&mut self, text: &str) {
        let need = columns(text);
        let fits = |style: &&Style| need * usize::from(style.wide) <= self.columns;
        let [_, smallest] = &Style::AMOUNT;
        let style = *Style::AMOUNT.iter().find(fits).unwrap_or(smallest);
        self.text(text, style);
    }

    /// Label and value on one line if they fit, else the value on lines of its own. Digits are never squeezed or cut.
    fn pair(&mut self, left: &str, right: &str) {
        let (left, right) = (Printable::new(left), Printable::new(right));
        if left.columns() + 1 + right.columns() <= self.columns {
            self.lines.push(Line::Pair { left, right });
            return;
        }
        self.text(left.as_str(), Style::LEFT);
        self.text(right.as_str(), Style::RIGHT);
    }
}

fn money(amount: Fen) -> String {
    format!("￥{}", amount.yuan())
}

fn columns(text: &str) -> usize {
    text.chars().map(char_columns).sum()
}

const fn char_columns(c: char) -> usize {
    if c.is_ascii() { 1 } else { 2 }
}

/// Bytes of the longest head of `text` that takes at most `room` columns.
fn fitting_bytes(text: &str, room: usize) -> usize {
    let mut taken = 0;
    for (at, c) in text.char_indices() {
        taken += char_columns(c);
        if taken > room {
            return at;
        }
    }
    text.len()
}

/// Where to break: after the last space of the head unless that would leave less than half of it.
fn break_before(text: &str, fitting: usize) -> usize {
    let head = text.get(..fitting).unwrap_or(text);
    if text.get(fitting..).is_some_and(|after| after.starts_with(' ')) {
        return fitting;
    }
    match head.rfind(' ') {
        Some(space) if space * 2 >= fitting => space + 1,
        Some(_) | None => fitting,
    }
}

/// A receipt with every field at work, for tests of printers and for a shop's first test print.
#[must_use]
pub fn sample(order_no: OrderNo, store: StoreId, till: TillId, cashier: AccountId) -> Receipt {
    Receipt {
        title: "柜台测试小票".into(),
        store,
        till,
        cashier,
        order_no,
        kind: Kind::Sale,
        state: "测试打印 未收款".into(),
        amount: Fen::new(1),
        received: Fen::new(1),
        wallet: None,
        acquirer_no: None,
        wallet_no: None,
        paid_at: "----".into(),
        printed_at: "----".into(),
        bill_number: None,
        copy: 1,
        reprint: false,
    }
}

#[cfg(test)]
mod tests;
