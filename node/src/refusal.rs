//! The engine's refusals in the API's words.

use guitai_core::{ids::NameError, money::AmountError, payment::Refused, secret::CodeError};
use guitai_http::problem::{Code, Facts, Language, Problem};
use guitai_till::{NotAccepted, NotTaken};

use crate::membership;

/// When to ask again for a number that this journal may have lost, in s.
pub(crate) const JOURNAL_BEHIND_RETRY_S: u64 = 5;

pub(crate) fn problem(refusal: NotAccepted) -> Problem {
    match refusal {
        NotAccepted::IdempotencyConflict => Code::IdempotencyConflict.into(),
        NotAccepted::CodeUsed => Problem::new(Code::PaymentCodeUsed).field("auth_code"),
        NotAccepted::BillCovered { free } => {
            let problem = Problem::new(Code::BillCovered).field("amount_fen").detail(
                format!("这张单还可收 {} 元，其余已收。", free.yuan()),
                format!("{} yuan of this bill are free; the rest is paid.", free.yuan()),
            );
            problem.facts(Facts { free_fen: Some(free.get()), ..Facts::default() })
        }
        NotAccepted::BillLocked { free } => {
            let problem = Problem::new(Code::BillLocked).field("amount_fen").detail(
                format!("这张单现在还可收 {} 元，其余正在确认或退回。", free.yuan()),
                format!("{} yuan of this bill are free now; the rest is in doubt or being taken back.", free.yuan()),
            );
            problem.facts(Facts { free_fen: Some(free.get()), ..Facts::default() })
        }
        NotAccepted::TotalDiffers { total } => {
            let problem = Problem::new(Code::TotalDiffers).field("bill.total_fen").detail(
                format!("这张单登记的总额是 {} 元。", total.yuan()),
                format!("This bill is on record with {} yuan.", total.yuan()),
            );
            problem.facts(Facts { total_fen: Some(total.get()), ..Facts::default() })
        }
        NotAccepted::TotalTooLow { held } => Problem::new(Code::TotalTooLow).field("total_fen").detail(
            format!("已收和正在确认的共 {} 元。", held.yuan()),
            format!("{} yuan are paid or in doubt.", held.yuan()),
        ),
        NotAccepted::BillDayNeeded { before, today } => {
            let days = Some(vec![before.to_string(), today.to_string()]);
            Problem::new(Code::BillDayNeeded).field("bill.day").facts(Facts { days, ..Facts::default() })
        }
        NotAccepted::BillUnknown => {
            Problem::new(Code::NotFound).detail("还没有人收过这张单。", "Nothing was ever charged on this bill.")
        }
        NotAccepted::CashierUnknown => Problem::new(Code::CashierUnknown).field("cashier"),
        NotAccepted::AccountExists => Problem::new(Code::AccountExists).field("account"),
        NotAccepted::LastAdministrator => Code::LastAdministrator.into(),
        NotAccepted::KeyExists => Problem::new(Code::KeyExists).field("name"),
        NotAccepted::Barred(bar) => {
            let words = membership::bar_words(bar);
            Problem::new(Code::NotAccepting).detail(words.0, words.1)
        }
        NotAccepted::TooManyOpen => Code::NotAccepting.into(),
        NotAccepted::NotFound => Code::NotFound.into(),
        NotAccepted::Payment(Refused::BillSettled) => Problem::new(Code::BillCovered).detail(
            "这张单已由别的收款付清，这笔钱只能退回。",
            "Its bill was paid otherwise meanwhile: this money can only go back.",
        ),
        NotAccepted::Payment(Refused::SaidAlready) => Code::SaidAlready.into(),
        NotAccepted::Payment(Refused::State) => Code::StateForbids.into(),
        NotAccepted::Payment(Refused::TooEarly(ms)) => {
            let seconds = ms.div_ceil(1000);
            Problem::new(Code::PaymentOpen).retry_after(seconds).detail(
                format!("还要等 {seconds} 秒，正在向收单机构查询。"),
                format!("Wait {seconds} s; the acquirer is being asked."),
            )
        }
        NotAccepted::Payment(Refused::PastWindow) => Problem::new(Code::NotReversible)
            .detail("只能撤销当天的交易，请用退货。", "Only today's payments can be voided; refund it instead."),
        NotAccepted::Payment(Refused::OverRemaining) => Problem::new(Code::OverRemaining).field("amount_fen"),
    }
}

/// The same for whoever types commands at the machine.
pub(crate) fn words(refusal: NotAccepted) -> String {
    let problem = problem(refusal);
    let [zh, en] = [Language::Zh, Language::En].map(|language| problem.body(language).detail);
    format!("{zh} / {en} ({})", problem.code().as_str())
}

/// Whoever asks may be among what this journal lost.
pub(crate) fn journal_behind() -> Problem {
    Problem::new(Code::JournalBehind).retry_after(JOURNAL_BEHIND_RETRY_S).detail(
        "本机账本丢失或被恢复到旧的备份，人员和密钥要等总部发还账本后才认得；收款记录都在总部。",
        "This node's journal was lost or an older copy was put back: it knows people and keys again once headquarters has given the \
         journal back. The payments are at headquarters.",
    )
}

/// The engine did not hear the request.
pub(crate) fn not_taken(why: NotTaken) -> Problem {
    match why {
        NotTaken::Full => Problem::new(Code::Busy).retry_after(1),
        NotTaken::Ended => Code::NotAccepting.into(),
    }
}

pub(crate) fn amount(error: AmountError) -> Problem {
    let code = match error {
        AmountError::Zero => Code::AmountZero,
        AmountError::Negative => Code::AmountNegative,
        AmountError::OverLimit => Code::AmountOverLimit,
    };
    Problem::new(code).field("amount_fen")
}

pub(crate) fn payment_code(error: CodeError) -> Problem {
    let code = match error {
        CodeError::GoodsCode => Code::GoodsCode,
        CodeError::OrderNo => Code::OrderNumber,
        CodeError::Empty | CodeError::Link | CodeError::NotDigits | CodeError::Length => Code::NotAPaymentCode,
    };
    Problem::new(code).field("auth_code")
}

pub(crate) fn name(field: &'static str) -> impl FnOnce(NameError) -> Problem {
    move |error| {
        let (zh, en) = match error {
            NameError::Empty => ("不能为空。", "May not be empty."),
            NameError::TooLong => ("太长，最多 32 个字符。", "Too long; 32 characters at most."),
            NameError::BadCharacter => ("只能用字母、数字、- 和 _。", "Only letters, digits, - and _ are allowed."),
        };
        Problem::malformed(field).detail(zh, en)
    }
}
