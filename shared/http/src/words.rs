//! The words for people of every problem code, Chinese first, English complete.

use crate::code::Code;

/// Words in Chinese and English.
type Both = (&'static str, &'static str);

/// What a person reads about a code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    pub(crate) title: Both,
    pub(crate) detail: Both,
    pub(crate) remedy: Both,
}

impl Words {
    pub(crate) const fn of(code: Code) -> Self {
        match code {
            Code::Malformed => words(
                ("请求格式不对", "Malformed request"),
                ("请求里有读不懂或缺少的内容。", "Something in the request is missing or cannot be read."),
                (
                    "按接口说明 /api/openapi.json 修改 field 所指的内容。",
                    "Correct what `field` names; see /api/openapi.json.",
                ),
            ),
            Code::Unauthenticated => words(
                ("请先登录", "Sign in first"),
                ("没有登录，或登录已过期。", "Nobody is signed in, or the session has ended."),
                ("重新登录；程序请带上有效的密钥。", "Sign in again; programs send a valid key."),
            ),
            Code::Forbidden => words(
                ("没有权限", "Not allowed"),
                ("当前账号或密钥不能做这件事。", "This account or key may not do this."),
                (
                    "请管理员操作，或换用有权限的账号或密钥。",
                    "Ask an administrator, or use an account or key that may.",
                ),
            ),
            Code::CrossSite => words(
                ("来源不对", "Wrong origin"),
                ("这个请求不是从本系统的页面发出的，已拒绝。", "This request did not come from a page of this system."),
                ("从本系统的页面操作；程序请使用密钥。", "Use this system's own page; programs use a key."),
            ),
            Code::NotFound => words(
                ("没有找到", "Not found"),
                ("这里没有您要的内容。", "There is nothing here by that name."),
                ("核对地址、单号或编号。", "Check the address or the number."),
            ),
            Code::MethodNotAllowed => words(
                ("不支持这种操作", "Method not allowed"),
                ("这个地址不支持所用的请求方法。", "This address does not take that method."),
                ("按接口说明 /api/openapi.json 修改。", "See /api/openapi.json."),
            ),
            Code::TooSlow => words(
                ("发送太慢", "Too slow"),
                ("请求内容没有在限定时间内到齐。", "The request's body did not arrive in time."),
                (
                    "检查网络后重试；收款请用同一个 Idempotency-Key。",
                    "Check the line and try again, with the same Idempotency-Key.",
                ),
            ),
            Code::TooLarge => words(
                ("内容太大", "Too large"),
                ("请求内容超过 64 KiB。", "The request's body is larger than 64 KiB."),
                ("缩短内容后重试。", "Shorten it and try again."),
            ),
            Code::UnsupportedMediaType => words(
                ("内容类型不对", "Wrong content type"),
                ("请求内容必须是 JSON。", "The body must be JSON."),
                ("加上 Content-Type: application/json。", "Send Content-Type: application/json."),
            ),
            Code::Misdirected => words(
                ("地址不对", "Wrong host"),
                ("本系统不使用这个主机名。", "This server does not go by that host name."),
                (
                    "用登记过的地址访问，或由管理员在配置里加上这个名字。",
                    "Use a listed address, or have the name added to the configuration.",
                ),
            ),
            Code::WrongPassword => words(
                ("账号或密码不对", "Wrong account or password"),
                ("账号或密码不对。", "The account or the password is wrong."),
                (
                    "核对后再试；忘记密码请找管理员重设。",
                    "Check and try again; an administrator can set a new password.",
                ),
            ),
            Code::TooManyTries => words(
                ("试得太频繁", "Too many tries"),
                ("密码连续输错，请稍等再试。", "Too many wrong passwords; wait a little."),
                ("等提示的秒数过后再试。", "Try again after the seconds given."),
            ),
            Code::Busy => words(
                ("正忙", "Busy"),
                ("同时来的请求太多，请稍等。", "Too many ask at this moment."),
                ("一秒后再试。", "Try again in a second."),
            ),
            Code::TooManyStreams => words(
                ("实时连接太多", "Too many event streams"),
                ("同一个登录或密钥最多 4 个实时连接。", "A log-in or key follows at most 4 event streams at a time."),
                ("关掉不用的窗口或连接后再试。", "Close windows or streams that are not needed and try again."),
            ),
            Code::PasswordWeak => words(
                ("密码太简单", "Password too easy"),
                (
                    "密码至少 8 个字符，且不能是常见密码。",
                    "A password has at least 8 characters and is not a common one.",
                ),
                ("换一个更长的密码，例如几个不相干的词。", "Take a longer one, such as a few unrelated words."),
            ),
            Code::AccountExists => words(
                ("账号已存在", "Account exists"),
                ("这个账号已经有人使用。", "Somebody has this account already."),
                ("换一个账号。", "Take another one."),
            ),
            Code::LastAdministrator => words(
                ("最后一个管理账号", "Last administrator"),
                (
                    "这是最后一个能登录的管理账号，停用或改成别的角色后再没有人能管理。",
                    "This is the last administrator who may log in: nobody could manage anything any more.",
                ),
                ("先新建或启用另一个管理账号。", "Make or enable another one first."),
            ),
            Code::KeyExists => words(
                ("密钥名已存在", "Key exists"),
                ("已经有一个同名的密钥。", "Another key has this name already."),
                (
                    "换一个名称：请求按密钥的名称归属。",
                    "Take another name: requests are kept under the name of their key.",
                ),
            ),
            Code::IdempotencyKeyMissing => words(
                ("缺少 Idempotency-Key", "Idempotency-Key missing"),
                ("会动钱的请求必须带 Idempotency-Key。", "A request that moves money needs an Idempotency-Key."),
                (
                    "每笔业务生成一个唯一值，重试时不变。",
                    "Make one value for each business act and keep it for retries.",
                ),
            ),
            Code::IdempotencyKeyMalformed => words(
                ("Idempotency-Key 不对", "Idempotency-Key malformed"),
                (
                    "Idempotency-Key 须为 8 到 64 个可见的 ASCII 字符。",
                    "An Idempotency-Key has 8 to 64 visible ASCII characters.",
                ),
                ("换成符合要求的值，例如 UUID。", "Use such a value, for example a UUID."),
            ),
            Code::IdempotencyConflict => words(
                ("同一个键，内容不同", "Key used before"),
                (
                    "这个 Idempotency-Key 已用于另一个请求，本次没有执行。",
                    "This Idempotency-Key belongs to another request; nothing was done.",
                ),
                ("新的业务用新的键；重试要原样发送。", "Use a new key for new business; send a retry unchanged."),
            ),
            Code::AmountZero => words(
                ("金额为零", "Amount is zero"),
                ("金额必须大于零。", "The amount must be above zero."),
                ("输入至少 0.01 元。", "Enter at least 0.01 yuan."),
            ),
            Code::AmountNegative => words(
                ("金额为负", "Amount is negative"),
                ("金额不能小于零。", "The amount must not be below zero."),
                ("退钱请用撤销或退货。", "To give money back, void or refund the payment."),
            ),
            Code::AmountOverLimit => words(
                ("金额超限", "Amount over the limit"),
                ("单笔金额超过上限。", "The amount is above the limit of one payment."),
                ("核对金额，必要时分几笔收。", "Check the amount; split it if it is right."),
            ),
            Code::AmountDecimals => words(
                ("金额须为整数分", "Amount must be whole fen"),
                (
                    "amount_fen 必须是 JSON 整数，单位是分，不能带小数点或引号。",
                    "`amount_fen` must be a JSON integer of fen, without decimals or quotes.",
                ),
                ("12.50 元写作 1250。", "Write 12.50 yuan as 1250."),
            ),
            Code::GoodsCode => words(
                ("这是商品条码", "A goods bar code"),
                ("扫到的是商品条码，不是付款码。", "What was scanned belongs to goods, not to a wallet."),
                ("请顾客打开付款码再扫。", "Ask the customer to open the payment code and scan again."),
            ),
            Code::NotAPaymentCode => words(
                ("不是付款码", "Not a payment code"),
                ("扫到的内容不是付款码。", "What was scanned is not a payment code."),
                (
                    "请顾客打开付款码（不是收款码）再扫。",
                    "Ask the customer for the code to pay with, not the one to receive.",
                ),
            ),
            Code::OrderNumber => words(
                ("这是本店的单号", "Our own number"),
                (
                    "扫到的是本店的交易单号，不是顾客的付款码，没有收款。",
                    "What was scanned is a number of this shop, not the customer's payment code; nothing was charged.",
                ),
                (
                    "请扫顾客付款码；要查询或退货，请在查询、退货页面扫这个单号。",
                    "Scan the customer's payment code; scan this number where payments are looked up or refunded.",
                ),
            ),
            Code::PaymentCodeUsed => words(
                ("付款码已用过", "Payment code used"),
                (
                    "这个付款码刚才已经用过，没有再次收款。",
                    "This payment code was used before; nothing was charged again.",
                ),
                (
                    "先看上一笔的结果；要再收请顾客刷新付款码。",
                    "Look at the earlier payment; to charge again the customer refreshes the code.",
                ),
            ),
            Code::StoreUnknown => words(
                ("没有这家门店", "Unknown store"),
                ("总部没有这家门店。", "Headquarters has no such store."),
                ("核对门店编号，或先登记门店。", "Check the store, or enrol it first."),
            ),
            Code::TillUnknown => words(
                ("没有这个款台", "Unknown till"),
                ("本店没有这个款台。", "This store has no such till."),
                ("核对款台编号。", "Check the till."),
            ),
            Code::TillNotRegistered => words(
                ("款台未报备", "Till not registered"),
                (
                    "这个款台还没有向收单机构报备终端，不能收款。",
                    "This till is not registered with the acquirer and cannot charge.",
                ),
                ("换一个款台，或请管理员完成报备。", "Use another till, or have this one registered."),
            ),
            Code::BillCovered => words(
                ("账单已收足", "Bill is covered"),
                (
                    "这张账单已收足或正在收，不能再收这个金额。",
                    "This bill is paid or being paid; this amount would be too much.",
                ),
                ("查看这张账单已有的收款。", "Look at the payments of this bill."),
            ),
            Code::BillLocked => words(
                ("账单正在确认", "Bill is locked"),
                (
                    "这张账单有收款还没有最终结果，或正在退回。",
                    "Payments of this bill have no final result yet, or are being taken back.",
                ),
                (
                    "等它有结果；确定没交货时可请店长授权放开账单。",
                    "Wait for their result; an administrator can let the bill go when no goods were handed over.",
                ),
            ),
            Code::TotalDiffers => words(
                ("账单总额不同", "Bill total differs"),
                ("这张账单登记的总额与这次给出的不同。", "This bill is on record with another total."),
                (
                    "核对总额；确要更改请用 POST /bills/{source}/{number}/total。",
                    "Check the total; to change it use POST /bills/{source}/{number}/total.",
                ),
            ),
            Code::TotalTooLow => words(
                ("总额太小", "Total too low"),
                ("总额不能小于已收和正在确认的金额。", "The total may not be below what is paid or in doubt."),
                ("先退货，或等正在确认的收款有结果。", "Refund first, or wait for the doubts to end."),
            ),
            Code::BillDayNeeded => words(
                ("请说明账单日期", "Which day's bill?"),
                (
                    "这个单号前一天也用过，无法判断是哪一天的账单。",
                    "This number was used the day before as well; only you know which bill is meant.",
                ),
                ("加上 bill.day，可选的日期见 days。", "Add bill.day; `days` lists the choices."),
            ),
            Code::CashierUnknown => words(
                ("没有这位收银员", "Unknown cashier"),
                ("本店没有这个账号，或账号已停用。", "This store has no such account, or it is disabled."),
                ("核对 cashier，或先建立账号。", "Check `cashier`, or create the account first."),
            ),
            Code::SaidAlready => words(
                ("已经说过了", "Already said"),
                ("这笔款已按同样的意思处理，正在进行。", "The same was said of this payment; it is being done."),
                ("等它有结果。", "Wait for its result."),
            ),
            Code::BillTotalMissing => words(
                ("缺少账单总额", "Bill total missing"),
                ("第一次收这张账单时要给出总额。", "The first payment of a bill must give its total."),
                ("加上 bill.total_fen。", "Add bill.total_fen."),
            ),
            Code::NotAccepting => words(
                ("暂不能收款", "Not accepting payments"),
                ("本机此刻不能收款，没有发生扣款。", "This node takes no payments now; nothing was charged."),
                (
                    "查看状态页给出的原因；稍后用同一个键重试。",
                    "See the reason on the status page; retry later with the same key.",
                ),
            ),
            Code::JournalBehind => words(
                ("还不能确定", "Not certain yet"),
                (
                    "本机没有这个单号，但还没有和总部核对过账本；可能是数据目录被恢复到旧的备份。",
                    "This number is not here, but the journal was not compared with headquarters since the start: an older copy \
                     of the folder may have been put back.",
                ),
                (
                    "不要当作没有收款。连上总部后再查，或在总部查询。",
                    "Do not take it as unpaid. Ask again when the node has its line to headquarters, or ask there.",
                ),
            ),
            Code::NotReversible => words(
                ("已不能撤销", "Can no longer be voided"),
                ("这笔款已不能撤销。", "This payment can no longer be voided."),
                ("改用退货。", "Refund it instead."),
            ),
            Code::OverRemaining => words(
                ("超过可退金额", "More than is left"),
                ("退货金额超过这笔款剩余的可退金额。", "The refund is more than what is left of the payment."),
                ("按可退金额重新输入。", "Enter at most what is left."),
            ),
            Code::ApproverWrongPassword => words(
                ("授权人账号或密码不对", "Approver's password is wrong"),
                (
                    "授权人的账号或密码不对，没有执行。",
                    "The approver's account or password is wrong; nothing was done.",
                ),
                ("请授权人重新输入。", "The approver enters it again."),
            ),
            Code::ApproverNotAllowed => words(
                ("授权人没有权限", "Approver may not approve"),
                ("这个人不能授权这项操作。", "This person may not approve this."),
                ("请有权限的人授权。", "Ask somebody who may."),
            ),
            Code::ScanExpired => words(
                ("扫码已过期", "Scan expired"),
                ("扫到的付款码没有及时使用，已丢弃。", "The scanned code was not used in time and is gone."),
                ("请顾客刷新付款码再扫一次。", "The customer refreshes the code; scan again."),
            ),
            Code::PaymentOpen => words(
                ("这笔款还没有结果", "Payment still open"),
                ("这笔款还没有最终结果，现在不能这样做。", "This payment has no final result yet."),
                ("等它有结果后再操作。", "Wait for its result."),
            ),
            Code::StateForbids => words(
                ("当前状态不允许", "State forbids it"),
                ("这笔款当前的状态不允许这样做。", "The state of this payment does not allow this."),
                ("刷新后查看这笔款的状态。", "Refresh and look at its state."),
            ),
            Code::NotEnrolled => words(
                ("尚未入网", "Not enrolled"),
                ("本机还没有加入商户。", "This node does not belong to a merchant yet."),
                ("运行 guitai-node enrol 完成入网。", "Run guitai-node enrol."),
            ),
            Code::Internal => words(
                ("系统内部错误", "Internal error"),
                ("系统出错，详情已记入日志。", "Something failed here; the log says what."),
                (
                    "先查这笔业务的结果，再决定是否重试；问题持续请联系维护人员。",
                    "Look up the result before trying again; call support if it stays.",
                ),
            ),
        }
    }
}

const fn words(title: Both, detail: Both, remedy: Both) -> Words {
    Words { title, detail, remedy }
}
