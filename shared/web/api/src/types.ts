// The JSON of /api/v1, name for name. Times are RFC 3339 UTC with ms, amounts integer fen, days YYYY-MM-DD.

export type Fen = number
export type Time = string
export type Day = string

export type PaymentState =
  | 'pending' | 'paid' | 'declined' | 'unknown' | 'held' | 'reversing'
  | 'closed' | 'reversed' | 'refunding' | 'part_refunded' | 'refunded' | 'quarantined'
export type ClosedReason = 'not_sent' | 'configuration' | 'expired' | 'cancelled'
export type PaymentKind = 'charge' | 'void' | 'refund'
export type Wallet = 'wechat' | 'alipay' | 'unionpay' | 'bestpay' | 'ecny' | 'other'
export type Role = 'administrator' | 'cashier' | 'headquarters'

export interface Named { id: string; name: string }
export interface Sum { count: number; sum_fen: Fen }
export interface Page<T> { items: T[]; next_cursor: string | null; as_of: Time }

export interface Problem {
  type: string
  title: string
  status: number
  code: string
  detail?: string
  field?: string
  remedy?: string
}

export interface Session {
  account: string
  name: string
  role: Role
  store?: Named
  till?: Named
  tills?: (Named & { registered: boolean })[]
  must_change_password: boolean
  expires_at: Time
  version: string
}

export interface BillRef { source: string; number: string; total_fen: Fen }

export interface PaymentCan {
  void: boolean
  refund_fen: Fen
  handed_over: boolean
  not_handed_over: boolean
  cancel: boolean
}

export interface Payment {
  order_no: string
  kind: PaymentKind
  original_no?: string
  state: PaymentState
  reason?: string
  message?: string
  amount_fen: Fen
  received_fen?: Fen
  refunded_fen: Fen
  wallet?: Wallet
  code_last_two?: string
  acquirer: string
  acquirer_no?: string
  wallet_no?: string
  till: string
  cashier: string
  bill?: BillRef
  business_day: Day
  created_at: Time
  finished_at?: Time
  remark?: string
  approver?: string
  can: PaymentCan
  fact: string
  /** Only from the hub. */
  store?: string
}

export interface ChargeRequest {
  amount_fen: Fen
  /** The scanned code; or `scan`, the token of a `scan` event. */
  auth_code?: string
  scan?: string
  bill?: BillRef
  /** An earlier attempt of the same sale: if that one is paid after all, it is given back. */
  retry_of?: string
  till?: string
  cashier?: string
  fields?: { remark?: string }
  wait_ms?: number
}

export interface Approver { account: string; password: string }

export interface PaymentFilter {
  store?: string
  from?: Time
  to?: Time
  state?: string
  kind?: string
  q?: string
  cursor?: string
  limit?: number
}

export interface Stats {
  date: Day
  store?: Named
  as_of: Time
  paid: Sum
  voided: Sum
  refunded: Sum
  net_fen: Fen
  unknown: Sum
  by_wallet: { wallet: Wallet; paid: Sum; refunded: Sum }[]
  by_cashier: { cashier: string; name?: string; paid: Sum; refunded: Sum }[]
  by_hour: { hour: number; count: number; sum_fen: Fen }[]
}

export interface HubStats extends Stats {
  stores_reporting: number
  stores_total: number
  by_store: { store: string; name: string; paid: Sum; refunded: Sum }[]
}

export interface Announcement {
  id: string
  title: string
  body: string
  published_at: Time
  published_by: string
  edited_at?: Time
  withdrawn: boolean
  read: boolean
  reads: number
}

export interface HubAnnouncement {
  id: string
  title: string
  body: string
  published_at: Time
  published_by: string
  edited_at?: Time
  withdrawn: boolean
  stores: { store: string; name: string; reads: number; read_by: string[] }[]
}

export interface Sync {
  hub: 'connected' | 'connecting' | 'down' | 'not_enrolled'
  since: Time
  unsent: number
  oldest_unsent_at?: Time
  acked: string | null
  next_retry_at?: Time
  last_error?: string
  /** This machine's clock minus trusted time; absent before anybody said the time. */
  clock_offset_ms?: number
  clock: ClockState
  /** Why this node moves no money as it otherwise would. */
  bar?: 'revoked' | 'replaced' | 'duplicate' | 'forked' | 'unfillable'
}

/** `alarm` also while time itself is in doubt. */
export type ClockState = 'fine' | 'shown' | 'alarm'

export interface Health {
  status: 'ok' | 'degraded'
  accepting: boolean
  version: string
  facts: string
  unsent: number
  devices: { scanner: 'ready' | 'gone' | 'off'; printer: 'ready' | 'unknown' | 'gone' | 'off' }
  clock_offset_ms?: number
  clock: ClockState
}

export interface StoreRow {
  store: string
  name: string
  state: 'connected' | 'offline' | 'never'
  since?: Time
  last_seen_at?: Time
  facts: string | null
  unsent?: number
  oldest_unsent_at?: Time
  clock_offset_ms?: number
  clock?: ClockState
  /** Of the box in force; none before the first is let in. */
  issuer?: number
  /** The short form of that box's key. */
  node?: string
  closed_since?: Time
  /** A copied folder tried to come in beside the box that is connected. */
  duplicate_at?: Time
  /** The boxes before, the last one first. */
  disabled?: { node: string; issuer: number; since: Time; why: 'replaced' | 'revoked'; last_fact?: string }[]
  version?: string
  today: { orders: number; income_fen: Fen }
}

export interface NoticeEvent { id: string; title: string }
export type ScanEvent =
  | { till: string; token: string; wallet: Wallet; last_two: string }
  /** What the box read is no payment code. */
  | { till: string; refused: 'empty' | 'goods_code' | 'link' | 'not_digits' | 'length' | 'order_no' }
