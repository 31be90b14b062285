import type { Words } from './shared'

const zh = {
  nav: { label: '功能', collect: '收款', query: '交易查询', reverse: '撤销/退货', notices: '公告', fold: '收起菜单', unfold: '展开菜单', keys: '快捷键' },
  head: { store: '门店', cashier: '收银员', till: '款台', unregistered: '（未登记）', mute: '关闭声音', unmute: '打开声音' },
  collect: {
    amount: '收款金额', code: '收款码', submit: '确认收款', codeHint: '扫顾客付款码，或输入数字', remark: '备注（选填）', steps: '输入金额，回车，扫码',
    gotCode: '请输入金额，已收到付款码', scanned: '{wallet} · 尾号 {two}', clearCode: '清除付款码', sending: '正在发送…', elapsed: '已等待 {s} 秒',
    next: '下一笔', again: '同金额再收', nextAuto: '{s} 秒后开始下一笔', wait: '这一笔还没有结果。请先不要重新收款；要收下一位顾客请按 F2', choose: '{s} 秒后可选择货已交或没交货', handed: '货已交', notHanded: '没交货',
    cancel: '取消这一笔', handedHint: '货已拿走：一直查询，不自动退回', notHandedHint: '货还在：退回这一笔，可重新收款', recent: '最近交易', recentNone: '还没有交易',
    newest: '最新公告', moreNotices: '更多公告', resend: '没有收到本机服务的回答，正在确认这一笔（第 {n} 次）', resendSay: '请先不要重新收款，不会重复扣款', resendStop: '一直没有收到本机服务的回答',
    resendStopSay: '请先不要重新收款。按“再确认一次”会询问同一笔，不会重复扣款', resendNow: '再确认一次', orderNo: '单号', tail: '付款码尾号 {two}', notAccepting: '现在不能收款', openBefore: '{n} 笔还没有结果',
    mask: '已扫码', behind: '扫码盒读到了付款码，但本页不在前面，没有收款。请点一下本页，再扫一次',
    fault: {
      empty: '请输入金额', not_a_number: '这不是金额，例如 12.50', negative: '金额不能是负数', decimals: '最多两位小数，精确到分', zero: '金额要大于 0',
      over_limit: '一笔最多 500,000.00 元',
    },
    codeFault: {
      empty: '请扫码或输入付款码', goods_code: '这是商品条码，不是付款码', link: '这是网址二维码，请顾客打开付款码', not_digits: '付款码只有数字',
      length: '位数不对：付款码是 16 到 24 位数字', order_no: '这是交易单号，查询或退货请按 F3、F4',
    },
  },
  query: {
    tabs: '交易', list: '交易列表', totals: '今日合计', print: '打印', printed: '已送打印', receipt: '小票', void: '撤销', refund: '退货', noVoid: '这一笔不能撤销', noRefund: '没有可退的金额', drawerActions: '这一笔可以',
  },
  reverse: {
    title: '撤销 / 退货', no: '交易单号', noHint: '扫小票上的条码，或输入 20 位单号', find: '查找', badNo: '交易单号是 20 位数字，最后两位是校验', notFound: '这里没有这一笔，请核对单号', original: '原交易',
    mode: '方式', void: '撤销（全额退回）', refund: '退货（可退部分）', amount: '退货金额', remaining: '可退 {sum}', over: '超过可退金额 {sum}', reason: '原因（选填）', approver: '管理员账号', password: '管理员密码',
    needApprover: '请输入管理员账号', needPassword: '请输入管理员密码', submitVoid: '确定撤销', submitRefund: '确认退货', busy: '正在提交…', nothing: '这一笔现在不能撤销，也没有可退的金额', done: '已提交', another: '再退一笔', paid: '收款金额', back: '返回交易查询',
    resend: '没有收到回答。再按一次会询问同一笔，不会重复退款',
  },
  notices: { title: '公告', unread: '未读', none: '还没有公告', noneHint: '总部发布后会立刻出现', pick: '选一条公告阅读', by: '{who} 发布', edited: '{time} 修改', edit: '修改', subject: '标题', body: '内容', arrived: '新公告：{title}' },
  sync: { connected: '已连接总部', connecting: '正在连接总部', down: '未连接总部', not_enrolled: '未接入总部', unsent: '{n} 条记录未上传', since: '自 {time} 起', node: '与本机服务断开，正在重连', unknown: '总部：未知' },
  bar: {
    revoked: '总部已停用本机：不能收款和退款，请联系总部', replaced: '本店已由另一台机器接替：请到新机收款', duplicate: '数据目录被复制，另一台正用着本机身份：不能收款和退款，请停用其中一台',
    forked: '账本与总部不一致：暂不能撤销和退款，收款照常，正在从总部补回', unfillable: '账本与总部不同且补不回来：不能收款和退款，请总部给登记码，换一个空的数据目录登记',
  },
  machine: {
    ahead: '本机时钟快了 {span}', behind: '本机时钟慢了 {span}', doubted: '时间还不能确定', minutes: '{n} 分钟', hours: '{h} 小时 {n} 分',
    shown: '请打开系统的自动校时', alarm: '请马上校准系统时间并打开自动校时；收款不受影响，日期按收单机构的时间记', wait: '连上收单机构或总部后自动校正；请检查系统时间',
  },
  device: {
    scanner: '扫码盒', printer: '打印机', ready: '就绪', gone: '已断开', off: '未接', unknown: '状态未知',
    near_end: '纸快用完，请备纸', paper_out: '缺纸，装纸后接着打印', cover_open: '上盖没关，关好后接着打印', cutter_error: '切刀卡住，清理后接着打印', error: '故障，恢复后接着打印',
  },
  keys: {
    title: '快捷键', collect: '收款，开始下一笔', query: '交易查询', reverse: '撤销 / 退货', notices: '公告', enter: '确认当前操作', esc: '返回一级、关闭窗口', help: '显示快捷键', handed: '货已交', notHanded: '没交货', cancel: '取消这一笔', again: '没收到钱时，同金额再收', digit: '有结果后输入数字：开始下一笔', scan: '扫码枪在任何位置都有效',
    scanKey: '扫码', digitKey: '数字',
  },
  leave: '还有一笔交易没有结果，确定离开吗？',
}

const en: Words<typeof zh> = {
  nav: { label: 'Places', collect: 'Collect', query: 'Payments', reverse: 'Void / refund', notices: 'Notices', fold: 'Fold menu', unfold: 'Unfold menu', keys: 'Keys' },
  head: { store: 'Store', cashier: 'Cashier', till: 'Till', unregistered: ' (not registered)', mute: 'Mute', unmute: 'Unmute' },
  collect: {
    amount: 'Amount', code: 'Payment code', submit: 'Collect', codeHint: 'Scan the customer’s code or type it', remark: 'Remark (optional)', steps: 'Amount, Enter, scan',
    gotCode: 'Enter the amount; the code is here', scanned: '{wallet} · ends in {two}', clearCode: 'Clear the code', sending: 'Sending…', elapsed: '{s} s so far',
    next: 'Next bill', again: 'Same amount again', nextAuto: 'Next bill in {s} s', wait: 'This one has no result yet. Do not charge again; press F2 for the next customer', choose: 'You can choose in {s} s', handed: 'Handed over', notHanded: 'Not handed over',
    cancel: 'Cancel this one', handedHint: 'Goods are gone: keep asking, never give back', notHandedHint: 'Goods are here: give back and charge again', recent: 'Recent', recentNone: 'No payments yet',
    newest: 'Latest notices', moreNotices: 'All notices', resend: 'No answer from the local service; confirming this one (try {n})', resendSay: 'Do not charge again; nothing is taken twice', resendStop: 'Still no answer from the local service',
    resendStopSay: 'Do not charge again. “Confirm again” asks for the same one; nothing is taken twice', resendNow: 'Confirm again', orderNo: 'Order', tail: 'Code ends in {two}', notAccepting: 'Cannot collect now', openBefore: '{n} without a result',
    mask: 'Scanned', behind: 'The box read a payment code while this page was not in front; nothing was charged. Click here and scan again',
    fault: {
      empty: 'Enter an amount', not_a_number: 'Not an amount; for example 12.50', negative: 'An amount cannot be negative', decimals: 'Two decimals at most', zero: 'Must be more than 0',
      over_limit: 'At most 500,000.00 at once',
    },
    codeFault: {
      empty: 'Scan or type a payment code', goods_code: 'This is a product barcode, not a payment code', link: 'This is a link; ask for the payment code', not_digits: 'A payment code has digits only',
      length: 'Wrong length: a payment code has 16 to 24 digits', order_no: 'This is an order number; press F3 or F4 for it',
    },
  },
  query: {
    tabs: 'Payments', list: 'List', totals: 'Totals', print: 'Print', printed: 'Sent to the printer', receipt: 'Receipt', void: 'Void', refund: 'Refund', noVoid: 'This one cannot be voided', noRefund: 'Nothing left to refund', drawerActions: 'You can',
  },
  reverse: {
    title: 'Void / refund', no: 'Order number', noHint: 'Scan the receipt or type the 20 digits', find: 'Find', badNo: 'An order number has 20 digits, the last two check it', notFound: 'Not found here; check the number', original: 'Original payment',
    mode: 'How', void: 'Void (all of it)', refund: 'Refund (or part)', amount: 'Refund amount', remaining: 'Up to {sum}', over: 'More than the remaining {sum}', reason: 'Reason (optional)', approver: 'Administrator account', password: 'Administrator password',
    needApprover: 'Enter the administrator’s account', needPassword: 'Enter the administrator’s password', submitVoid: 'Void', submitRefund: 'Refund', busy: 'Sending…', nothing: 'This one can be neither voided nor refunded now', done: 'Done', another: 'Another one', paid: 'Charged', back: 'Back to payments',
    resend: 'No answer. Pressing again asks for the same one; nothing goes back twice',
  },
  notices: { title: 'Notices', unread: 'Unread', none: 'No notices yet', noneHint: 'They appear at once when headquarters publishes', pick: 'Choose a notice to read', by: 'by {who}', edited: 'edited {time}', edit: 'Edit', subject: 'Title', body: 'Text', arrived: 'New notice: {title}' },
  sync: { connected: 'Headquarters connected', connecting: 'Connecting to headquarters', down: 'Headquarters not connected', not_enrolled: 'Not enrolled', unsent: '{n} records not sent', since: 'since {time}', node: 'Local service lost, reconnecting', unknown: 'Headquarters: unknown' },
  bar: {
    revoked: 'Headquarters has disabled this node: nothing is taken or returned, call headquarters', replaced: 'Another box serves this store now: collect there', duplicate: 'The data folder was copied and another box uses this identity: nothing is taken or returned, stop one of the two',
    forked: 'The records differ from headquarters’: no voids or refunds for now, collecting goes on, being filled from headquarters', unfillable: 'The records differ from headquarters’ and cannot be filled: nothing is taken or returned, enter an empty data folder with a code of headquarters',
  },
  machine: {
    ahead: 'This machine’s clock is {span} ahead', behind: 'This machine’s clock is {span} behind', doubted: 'The time is not certain yet', minutes: '{n} min', hours: '{h} h {n} min',
    shown: 'switch automatic time on', alarm: 'set the system’s time now and switch automatic time on; collecting goes on, days follow the acquirer’s time', wait: 'it corrects itself once the acquirer or headquarters is reached; check the system’s time',
  },
  device: {
    scanner: 'Scan box', printer: 'Printer', ready: 'ready', gone: 'gone', off: 'off', unknown: 'unknown',
    near_end: 'paper low, have a roll ready', paper_out: 'out of paper; prints on when refilled', cover_open: 'cover open; prints on when shut', cutter_error: 'cutter stuck; prints on when cleared', error: 'error; prints on when it is over',
  },
  keys: {
    title: 'Keys', collect: 'Collect, next bill', query: 'Payments', reverse: 'Void / refund', notices: 'Notices', enter: 'Confirm', esc: 'Back one level, close', help: 'Show keys', handed: 'Handed over', notHanded: 'Not handed over', cancel: 'Cancel this one', again: 'Same amount again when no money came', digit: 'A digit after a result starts the next bill', scan: 'The scanner works wherever the focus is',
    scanKey: 'Scan', digitKey: 'Digit',
  },
  leave: 'A payment has no result yet. Leave?',
}

export const cashier = { 'zh-CN': zh, en }
