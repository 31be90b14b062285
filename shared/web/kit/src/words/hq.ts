import type { Words } from './shared'

const zh = {
  nav: { label: '功能', stores: '门店', payments: '交易', stats: '统计', notices: '公告' },
  title: '总部',
  live: { open: '实时', connecting: '正在连接', down: '实时更新已断开，正在重连' },
  stores: {
    title: '门店', connected: '在线', offline: '离线', never: '从未连接', connectedOf: '在线门店', unsent: '待上传', facts: '记录', lastSeen: '最后联系', since: '{time} 起', issuer: '发号', version: '版本', clock: '时钟', clockFine: '准', clockAhead: '快 {n} 秒', clockBehind: '慢 {n} 秒', clockAheadMin: '快 {n} 分钟', clockBehindMin: '慢 {n} 分钟', clockDo: '请店里校准系统时间', orders: '今日笔数', income: '今日收入', records: '{n} 条', oldest: '最早 {time}', none: '还没有门店', noneHint: '在中心机上用 guitai-hub enrol 登记第一家门店', reporting: '已上报 {n}/{total} 店', totalIncome: '今日收入（元）', totalOrders: '交易订单（笔）', ago: { now: '刚刚', min: '{n} 分钟前', hour: '{n} 小时前', day: '{n} 天前' }, see: '看交易', waiting: '条记录待上传', node: '节点', closed: '{time} 起关店', disabled: '已停用的节点', replaced: '{node} 已被新机接替，{time} 起停用，记录到 {fact}', revoked: '{node} 已停用，{time} 起，记录到 {fact}', duplicate: '{time} 有另一台机器用同一身份连接，已拒绝：数据目录被复制过，请停用其中一台',
  },
  payments: { title: '全部交易', allStores: '全部门店', show: '显示' },
  day: { title: '统计', date: '日期', byStore: '按门店', reporting: '已上报 {n}/{total} 店', reportingHint: '未上报的门店不在此数中' },
  notices: {
    title: '公告', publish: '发布公告', subject: '标题', body: '内容', target: '发给', allStores: '全部门店', someStores: '选择门店', submit: '发布', needSubject: '请输入标题', needBody: '请输入内容', needStore: '请至少选一家门店', done: '已发布', edit: '修改', withdraw: '撤回', withdrawn: '已撤回', coverage: '阅读情况', readBy: '{n} 人已读', unread: '还没有人读', none: '还没有公告', noneHint: '在右边写第一条', by: '{who} 发布于 {time}', edited: '{time} 修改', storesRead: '{n}/{total} 店已读', confirmWithdraw: '撤回后不能恢复，确定撤回',
  },
}

const en: Words<typeof zh> = {
  nav: { label: 'Places', stores: 'Stores', payments: 'Payments', stats: 'Statistics', notices: 'Notices' },
  title: 'Headquarters',
  live: { open: 'Live', connecting: 'Connecting', down: 'Live updates lost, reconnecting' },
  stores: {
    title: 'Stores', connected: 'Online', offline: 'Offline', never: 'Never connected', connectedOf: 'Stores online', unsent: 'Not sent', facts: 'Records', lastSeen: 'Last seen', since: 'since {time}', issuer: 'Issuer', version: 'Version', clock: 'Clock', clockFine: 'right', clockAhead: '{n} s ahead', clockBehind: '{n} s behind', clockAheadMin: '{n} min ahead', clockBehindMin: '{n} min behind', clockDo: 'have the store set its system’s time', orders: 'Orders today', income: 'Income today', records: '{n} records', oldest: 'oldest {time}', none: 'No stores yet', noneHint: 'Enrol the first with guitai-hub enrol on the hub’s machine', reporting: '{n}/{total} stores reporting', totalIncome: 'Income today (yuan)', totalOrders: 'Orders today', ago: { now: 'just now', min: '{n} min ago', hour: '{n} h ago', day: '{n} d ago' }, see: 'Payments', waiting: 'records waiting', node: 'Node', closed: 'closed since {time}', disabled: 'Disabled nodes', replaced: '{node} replaced by a new box, disabled since {time}, records up to {fact}', revoked: '{node} disabled since {time}, records up to {fact}', duplicate: 'At {time} another box called with the same identity and was refused: its data folder was copied; stop one of the two',
  },
  payments: { title: 'All payments', allStores: 'All stores', show: 'Show' },
  day: { title: 'Statistics', date: 'Day', byStore: 'By store', reporting: '{n}/{total} stores reporting', reportingHint: 'stores not reporting are not in these figures' },
  notices: {
    title: 'Notices', publish: 'Publish a notice', subject: 'Title', body: 'Text', target: 'To', allStores: 'All stores', someStores: 'Some stores', submit: 'Publish', needSubject: 'Enter a title', needBody: 'Enter a text', needStore: 'Choose at least one store', done: 'Published', edit: 'Edit', withdraw: 'Withdraw', withdrawn: 'Withdrawn', coverage: 'Who has read it', readBy: 'read by {n}', unread: 'nobody yet', none: 'No notices yet', noneHint: 'Write the first one on the right', by: 'by {who}, {time}', edited: 'edited {time}', storesRead: 'read in {n}/{total} stores', confirmWithdraw: 'Cannot be undone: withdraw',
  },
}

export const hq = { 'zh-CN': zh, en }
