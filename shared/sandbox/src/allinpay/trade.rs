//! What each Allinpay operation does to the book. Orders, cancels and refunds share one space of numbers.

use guitai_core::time::{UtcMs, beijing_day, format_beijing};

use super::{Call, Named, Operation};
use crate::{
    Played,
    book::{Acquirer, Book, Entry, Order, Refund, RefundState, Reversal, State},
    outcome::{Amounts, Course, Denial, Manner, OnReversal, RefundCourse, ending, refund_course},
    switches::Switches,
};

pub(super) const OURS: Acquirer = Acquirer::Allinpay;

/// A business status and its words.
pub(super) type Status = (&'static str, &'static str);

pub(super) const SUCCESS: Status = ("0000", "交易成功");
const PENDING: Status = ("2000", "交易处理中，请查询");
const UNKNOWN_ORDER: Status = ("1001", "交易不存在");
const NUMBER_USED: Status = ("3888", "商户订单号重复");
const CLOSED: Status = ("3045", "订单已关闭");
const CANCELLED: Status = ("3050", "交易已撤销");
const CANCEL_ABNORMAL: Status = ("3089", "撤销异常");
const FUNDS_TOO_SMALL: Status = ("3999", "商户可用资金不足");

/// The last digit of a trade code says what the trade did.
pub(super) const VOIDED: char = '2';
pub(super) const REFUNDED: char = '3';

/// What the operation does, where no switch was in its way.
pub(super) fn play(book: &mut Book, switches: &mut Switches, now: UtcMs, operation: Operation) -> Played {
    match operation.call {
        Call::Charge { reqsn, amount_fen, trade_code, code_hash } => {
            if is_used(book, now, &reqsn) {
                return bare(&reqsn, NUMBER_USED);
            }
            let order = new_order(book, now, reqsn, amount_fen, trade_code, code_hash);
            charge(book, now, order)
        }
        Call::Query(named) => query(book, now, named),
        Call::Cancel { reqsn, order, amount_fen } => cancel(book, switches, now, &reqsn, order, amount_fen),
        Call::Refund { reqsn, order, amount_fen } => refund(book, switches, now, &reqsn, order, amount_fen),
        Call::Close(named) => close(book, now, named),
    }
}

fn charge(book: &mut Book, now: UtcMs, mut order: Order) -> Played {
    let code_refusal = match order.code_hash {
        None => Some(Denial::CodeMalformed),
        Some(hash) if book.knows_code(hash) => Some(Denial::CodeUsed),
        Some(_) => None,
    };
    let life = ending(order.amount_fen);
    let (course, manner) = match code_refusal {
        Some(refusal) => (Course::Refused(refusal), Manner::Whole),
        None => (life.course, life.manner),
    };
    match course {
        Course::PaidAtOnce => order = order.take(now),
        Course::PaidAtQuery(_) | Course::Pending | Course::RefusedAtQuery(..) => {}
        Course::Refused(refusal) => order = fail(order, refusal),
        // The manner of a lost order carries no members; what is made of it here is thrown away.
        Course::Lost => return Played { manner, members: Vec::new() },
        Course::HiddenUntilPaid { after_ms } => order.due_ms = Some(now.0 + after_ms),
    }
    book.put(Entry::Order(order.clone()));
    let status = if order.state == State::Pending { PENDING } else { status_of(&order) };
    Played { manner, members: order_members(&order, status) }
}

fn query(book: &mut Book, now: UtcMs, named: Named) -> Played {
    let (Named::Reqsn(ref number) | Named::Trxid(ref number)) = named;
    let asked = number.clone();
    if let Some(order) = find(book, now, named) {
        return query_order(book, now, order);
    }
    if let Some(reversal) = book.reversal(OURS, &asked) {
        return reversal_members(reversal);
    }
    match book.refund(OURS, &asked).cloned() {
        Some(refund) => query_refund(book, now, refund),
        None => bare(&asked, UNKNOWN_ORDER),
    }
}

fn query_order(book: &mut Book, now: UtcMs, mut order: Order) -> Played {
    if order.state == State::Pending && !is_hidden(&order) {
        order.queries += 1;
        order = match ending(order.amount_fen).course {
            Course::PaidAtQuery(at) if order.queries >= at => order.take(now),
            Course::RefusedAtQuery(at, refusal) if order.queries >= at => fail(order, refusal),
            Course::PaidAtQuery(_)
            | Course::RefusedAtQuery(..)
            | Course::PaidAtOnce
            | Course::Pending
            | Course::Refused(_)
            | Course::Lost
            | Course::HiddenUntilPaid { .. } => order,
        };
        book.put(Entry::Order(order.clone()));
    }
    match status_of(&order) {
        UNKNOWN_ORDER => bare(&order.order_no, UNKNOWN_ORDER),
        status => Played { manner: Manner::Whole, members: order_members(&order, status) },
    }
}

fn cancel(book: &mut Book, switches: &Switches, now: UtcMs, reqsn: &str, named: Named, amount_fen: u64) -> Played {
    if is_used(book, now, reqsn) {
        return bare(reqsn, NUMBER_USED);
    }
    let Some(order) = find(book, now, named).filter(|order| !is_hidden(order)) else {
        return bare(reqsn, UNKNOWN_ORDER);
    };
    let order_no = order.order_no.clone();
    let trade_code = returned(&order.trade_code, VOIDED);
    let (status, message) =
        if switches.refuse_cancels { FUNDS_TOO_SMALL } else { cancelled(book, now, order, amount_fen) };
    let reversal = Reversal {
        acquirer: OURS,
        reversal_no: reqsn.to_owned(),
        order_no,
        trade_no: book.next_trade_no(now),
        amount_fen,
        trade_code,
        status: status.to_owned(),
        message: message.to_owned(),
        created_ms: now.0,
    };
    book.put(Entry::Reversal(reversal.clone()));
    reversal_members(&reversal)
}

fn cancelled(book: &mut Book, now: UtcMs, mut order: Order, amount_fen: u64) -> Status {
    if beijing_day(now) != beijing_day(UtcMs(order.created_ms)) {
        return ("3999", "只能撤销当日交易，请使用退款");
    }
    if amount_fen != order.amount_fen {
        return ("3999", "撤销金额与原交易不符");
    }
    match order.state {
        State::Pending | State::Paid => {}
        State::Closed | State::Reversed => return CANCELLED,
        State::Failed => return ("3999", "原交易未成功"),
        State::PartRefunded | State::Refunded => return ("3999", "原交易已退款"),
    }
    if book.refunding_fen(OURS, &order.order_no) > 0 {
        return ("3999", "原交易退款处理中");
    }
    let first = order.reversals == 0;
    let pending = order.state == State::Pending;
    order.reversals += 1;
    let (order, status) = match ending(order.amount_fen).reversal {
        OnReversal::AbnormalOnce if first => (order, CANCEL_ABNORMAL),
        OnReversal::RefusedThenPaid => {
            (if pending { order.take(now) } else { order }, ("3999", "撤销被拒，请稍后查询"))
        }
        OnReversal::DoneThenPaid { after_ms } if pending => {
            (Order { due_ms: Some(now.0 + after_ms), ..given_up(order) }, SUCCESS)
        }
        OnReversal::Done | OnReversal::AbnormalOnce | OnReversal::DoneThenPaid { .. } => (given_up(order), SUCCESS),
    };
    book.put(Entry::Order(order));
    status
}

fn refund(book: &mut Book, switches: &Switches, now: UtcMs, reqsn: &str, named: Named, amount_fen: u64) -> Played {
    let found = find(book, now, named).filter(|order| !is_hidden(order));
    if let Some(known) = book.refund(OURS, reqsn) {
        let same = known.amount_fen == amount_fen && found.is_some_and(|order| order.order_no == known.order_no);
        return if same { refund_members(known) } else { bare(reqsn, NUMBER_USED) };
    }
    if is_used(book, now, reqsn) {
        return bare(reqsn, NUMBER_USED);
    }
    let Some(order) = found else { return bare(reqsn, UNKNOWN_ORDER) };
    let (state, message) = match order.state {
        State::Paid | State::PartRefunded | State::Refunded => {
            let free_fen = order.remainder_fen().saturating_sub(book.refunding_fen(OURS, &order.order_no));
            match refund_course(amount_fen) {
                _ if switches.refuse_refunds => (RefundState::Refused, FUNDS_TOO_SMALL.1),
                _ if amount_fen > free_fen => (RefundState::Refused, "退款金额超过可退金额"),
                RefundCourse::AtOnce => (RefundState::Done, ""),
                RefundCourse::DoneAtQuery(_) | RefundCourse::RefusedAtQuery(_) => (RefundState::Processing, ""),
            }
        }
        State::Pending | State::Failed | State::Closed | State::Reversed => {
            (RefundState::Refused, "原交易状态不允许退款")
        }
    };
    let refund = Refund {
        acquirer: OURS,
        refund_no: reqsn.to_owned(),
        order_no: order.order_no.clone(),
        trade_no: book.next_trade_no(now),
        amount_fen,
        trade_code: returned(&order.trade_code, REFUNDED),
        state,
        message: message.to_owned(),
        queries: 0,
        created_ms: now.0,
    };
    put_refund(book, order, &refund);
    refund_members(&refund)
}

fn query_refund(book: &mut Book, now: UtcMs, mut refund: Refund) -> Played {
    let order = book.order(OURS, &refund.order_no, now);
    if let (RefundState::Processing, Some(order)) = (refund.state, order) {
        refund.queries += 1;
        match refund_course(refund.amount_fen) {
            RefundCourse::DoneAtQuery(at) if refund.queries >= at => refund.state = RefundState::Done,
            RefundCourse::RefusedAtQuery(at) if refund.queries >= at => {
                refund.state = RefundState::Refused;
                "退款失败，收款账户异常".clone_into(&mut refund.message);
            }
            RefundCourse::AtOnce | RefundCourse::DoneAtQuery(_) | RefundCourse::RefusedAtQuery(_) => {}
        }
        put_refund(book, order, &refund);
    }
    refund_members(&refund)
}

/// Records a refund, and what it gave back if it is done.
fn put_refund(book: &mut Book, mut order: Order, refund: &Refund) {
    if refund.state == RefundState::Done {
        order.refunded_fen += refund.amount_fen;
        order.state = if order.remainder_fen() == 0 { State::Refunded } else { State::PartRefunded };
        book.put(Entry::Order(order));
    }
    book.put(Entry::Refund(refund.clone()));
}

fn close(book: &mut Book, now: UtcMs, named: Named) -> Played {
    let Some(order) = find(book, now, named).filter(|order| !is_hidden(order)) else {
        return bare("", UNKNOWN_ORDER);
    };
    let order_no = order.order_no.clone();
    match order.state {
        State::Pending => {
            book.put(Entry::Order(given_up(order)));
            bare(&order_no, SUCCESS)
        }
        State::Closed => bare(&order_no, SUCCESS),
        State::Paid | State::Failed | State::Reversed | State::PartRefunded | State::Refunded => {
            bare(&order_no, ("3999", "订单状态不允许关闭"))
        }
    }
}

pub(super) fn new_order(
    book: &Book,
    now: UtcMs,
    order_no: String,
    amount_fen: u64,
    trade_code: &str,
    code_hash: Option<u64>,
) -> Order {
    Order {
        acquirer: OURS,
        order_no,
        trade_no: book.next_trade_no(now),
        amount_fen,
        received_fen: 0,
        state: State::Pending,
        refunded_fen: 0,
        charges: 0,
        trade_code: trade_code.to_owned(),
        code_hash,
        created_ms: now.0,
        paid_ms: None,
        due_ms: None,
        queries: 0,
        reversals: 0,
        refusal: None,
    }
}

/// The trade code of what takes a charge of this code back.
pub(super) fn returned(trade_code: &str, digit: char) -> String {
    let mut code = trade_code.to_owned();
    code.pop();
    code.push(digit);
    code
}

fn find(book: &mut Book, now: UtcMs, named: Named) -> Option<Order> {
    let order_no = match named {
        Named::Reqsn(number) => number,
        Named::Trxid(number) => book.order_of_trade(OURS, &number)?.to_owned(),
    };
    book.order(OURS, &order_no, now)
}

pub(super) fn is_used(book: &mut Book, now: UtcMs, number: &str) -> bool {
    book.order(OURS, number, now).is_some()
        || book.reversal(OURS, number).is_some()
        || book.refund(OURS, number).is_some()
}

/// Known to the acquirer's accounts, but not yet to its queries.
fn is_hidden(order: &Order) -> bool {
    order.state == State::Pending && order.due_ms.is_some()
}

fn fail(order: Order, refusal: Denial) -> Order {
    Order { state: State::Failed, refusal: Some(refusal), ..order }
}

fn given_up(order: Order) -> Order {
    let state = if order.state == State::Paid { State::Reversed } else { State::Closed };
    Order { state, ..order }
}

fn status_of(order: &Order) -> Status {
    match order.state {
        State::Pending if is_hidden(order) => UNKNOWN_ORDER,
        State::Pending => PENDING,
        State::Paid | State::PartRefunded | State::Refunded => SUCCESS,
        State::Failed => order.refusal.map_or(("3999", "交易失败"), refusal_status),
        State::Closed => CLOSED,
        State::Reversed => CANCELLED,
    }
}

const fn refusal_status(refusal: Denial) -> Status {
    match refusal {
        Denial::UserCancelled => ("3999", "用户取消支付"),
        Denial::BalanceTooSmall => ("3999", "余额不足"),
        Denial::CodeExpired => ("3999", "付款码已失效"),
        Denial::CodeUsed => ("3999", "付款码已使用"),
        Denial::CodeMalformed => ("3999", "付款码格式错误"),
        Denial::Risk => ("3889", "风控拒绝"),
    }
}

/// An answer that says only what became of a number.
fn bare(reqsn: &str, (status, message): Status) -> Played {
    let members = vec![("reqsn", reqsn.to_owned()), ("trxstatus", status.to_owned()), ("errmsg", message.to_owned())];
    Played { manner: Manner::Whole, members }
}

fn order_members(order: &Order, status: Status) -> Vec<(&'static str, String)> {
    let Played { mut members, .. } = bare(&order.order_no, status);
    let amount = order.amount_fen;
    let amounts = ending(amount).amounts;
    let stated = match amounts {
        Amounts::True => amount,
        Amounts::OneMore => amount + 1,
        Amounts::Discounted => {
            members.push(("initamt", amount.to_string()));
            amounts.received_fen(amount)
        }
    };
    members.extend([
        ("trxid", order.trade_no.clone()),
        ("trxcode", order.trade_code.clone()),
        ("trxamt", stated.to_string()),
        ("acct", "000000".to_owned()),
    ]);
    if let Some(paid_ms) = order.paid_ms {
        members.push(("chnltrxid", format!("4200{}", order.trade_no)));
        members.push(("fintime", format_beijing(UtcMs(paid_ms))));
        members.push(("fee", "0".to_owned()));
    }
    members
}

fn reversal_members(reversal: &Reversal) -> Played {
    let members = vec![
        ("reqsn", reversal.reversal_no.clone()),
        ("trxstatus", reversal.status.clone()),
        ("errmsg", reversal.message.clone()),
        ("trxid", reversal.trade_no.clone()),
        ("trxcode", reversal.trade_code.clone()),
        ("trxamt", reversal.amount_fen.to_string()),
        ("fintime", format_beijing(UtcMs(reversal.created_ms))),
    ];
    Played { manner: Manner::Whole, members }
}

fn refund_members(refund: &Refund) -> Played {
    let (status, message) = match refund.state {
        RefundState::Processing => ("2000", "退款处理中"),
        RefundState::Done => ("0000", "退款成功"),
        RefundState::Refused => ("3999", refund.message.as_str()),
    };
    let members = vec![
        ("reqsn", refund.refund_no.clone()),
        ("trxstatus", status.to_owned()),
        ("errmsg", message.to_owned()),
        ("trxid", refund.trade_no.clone()),
        ("trxcode", refund.trade_code.clone()),
        ("trxamt", refund.amount_fen.to_string()),
        ("fintime", format_beijing(UtcMs(refund.created_ms))),
    ];
    Played { manner: Manner::Whole, members }
}
