// The one door to /api/v1. Every failure is either a ProblemError (the server said no, in words) or a
// LinkError (no usable answer: nobody knows what happened, so the same request may have to be sent again).
import type {
  Announcement, Approver, ChargeRequest, Health, HubAnnouncement, HubStats, Page, Payment, PaymentFilter,
  Problem, Session, Stats, StoreRow, Sync,
} from './types'

export const BASE = '/api/v1'
/** A request without an answer for this long counts as lost; the longest `wait_ms` is 60 s. */
const ANSWER_LIMIT_MS = 75_000

export class ProblemError extends Error {
  constructor(readonly problem: Problem, readonly retryAfterS: number | null) {
    super(problem.title)
    this.name = 'ProblemError'
  }
  get code(): string { return this.problem.code }
  get status(): number { return this.problem.status }
  get field(): string | undefined { return this.problem.field }
}

export class LinkError extends Error {
  constructor(readonly cause_text: string) {
    super(cause_text)
    this.name = 'LinkError'
  }
}

interface Call {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  body?: unknown
  key?: string
  query?: object
}

let language = 'zh-CN'
let onUnauthorized: () => void = () => undefined
let clockAheadMs = 0

export function speak(locale: string): void { language = locale }
/** Called when a session that was there is gone; not for a failed log-in. */
export function whenUnauthorized(then: () => void): void { onUnauthorized = then }
/** The server's clock; this PC's own may be minutes off. */
export function serverNow(): number { return Date.now() + clockAheadMs }

export function pathWithQuery(path: string, query: object | undefined): string {
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== '')
  const text = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString()
  return text === '' ? path : `${path}?${text}`
}

function readClock(answer: Response): void {
  const stamp = Date.parse(answer.headers.get('date') ?? '')
  // The header has whole seconds: small differences say nothing.
  if (!Number.isNaN(stamp)) clockAheadMs = Math.abs(stamp - Date.now()) > 2_000 ? stamp - Date.now() : 0
}

async function problemOf(answer: Response): Promise<Problem> {
  try {
    const found = (await answer.json()) as Partial<Problem>
    if (typeof found.code === 'string') {
      return { type: 'about:blank', title: found.code, ...found, status: answer.status } as Problem
    }
  } catch { /* no JSON: said by the status below */ }
  return { type: 'about:blank', title: `HTTP ${answer.status}`, status: answer.status, code: `http_${answer.status}` }
}

async function call<T>(path: string, { method = 'GET', body, key, query }: Call = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json', 'Accept-Language': language }
  if (method !== 'GET') headers['X-Guitai'] = '1'
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  if (key !== undefined) headers['Idempotency-Key'] = key
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(), ANSWER_LIMIT_MS)
  try {
    const answer = await fetch(BASE + pathWithQuery(path, query), {
      method, headers, credentials: 'same-origin', cache: 'no-store', signal: stop.signal,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    readClock(answer)
    if (!answer.ok) {
      const problem = await problemOf(answer)
      if (answer.status === 401 && !path.startsWith('/sessions') && problem.code !== 'wrong_password') onUnauthorized()
      const wait = Number.parseInt(answer.headers.get('retry-after') ?? '', 10)
      throw new ProblemError(problem, Number.isNaN(wait) ? null : wait)
    }
    if (answer.status === 204 || answer.status === 205) return undefined as T
    return (await answer.json()) as T
  } catch (fault) {
    if (fault instanceof ProblemError) throw fault
    throw new LinkError(fault instanceof Error ? fault.message : String(fault))
  } finally {
    clearTimeout(timer)
  }
}

const at = encodeURIComponent

export const api = {
  logIn: (account: string, password: string) =>
    call<Session>('/sessions', { method: 'POST', body: { account, password } }),
  session: () => call<Session>('/sessions/current'),
  logOut: () => call<void>('/sessions/current', { method: 'DELETE' }),

  charge: (request: ChargeRequest, key: string) =>
    call<Payment>('/payments', { method: 'POST', body: request, key }),
  payment: (orderNo: string) => call<Payment>(`/payments/${at(orderNo)}`),
  payments: (filter: PaymentFilter) => call<Page<Payment>>('/payments', { query: filter }),
  cancel: (orderNo: string, key: string) =>
    call<Payment>(`/payments/${at(orderNo)}/cancel`, { method: 'POST', key }),
  handedOver: (orderNo: string, key: string) =>
    call<Payment>(`/payments/${at(orderNo)}/handed-over`, { method: 'POST', key }),
  notHandedOver: (orderNo: string, key: string) =>
    call<Payment>(`/payments/${at(orderNo)}/not-handed-over`, { method: 'POST', key }),
  void: (orderNo: string, approver: Approver, key: string) =>
    call<Payment>(`/payments/${at(orderNo)}/void`, { method: 'POST', body: { approver }, key }),
  refund: (orderNo: string, body: { amount_fen: number; reason?: string; approver: Approver }, key: string) =>
    call<Payment>(`/payments/${at(orderNo)}/refunds`, { method: 'POST', body, key }),
  reprint: (orderNo: string) => call<{ job: string }>(`/payments/${at(orderNo)}/receipt`, { method: 'POST' }),
  receiptPicture: (orderNo: string) => `${BASE}/payments/${at(orderNo)}/receipt.png`,

  statsDay: (date?: string) => call<Stats>('/stats/day', { query: { date } }),
  announcements: () => call<{ items: Announcement[]; as_of: string }>('/announcements'),
  markRead: (id: string) => call<void>(`/announcements/${at(id)}/read`, { method: 'POST' }),
  editAnnouncement: (id: string, change: { title?: string; body?: string }) =>
    call<Announcement>(`/announcements/${at(id)}`, { method: 'PATCH', body: change }),
  sync: () => call<Sync>('/sync'),
  health: () => call<Health>('/health'),
}

/** What only the hub answers. */
export const hubApi = {
  stores: () => call<{ items: StoreRow[]; as_of: string }>('/stores'),
  stats: (query: { date?: string; store?: string }) => call<HubStats>('/stats', { query }),
  announcements: () => call<{ items: HubAnnouncement[] }>('/announcements'),
  publish: (body: { title: string; body: string; stores?: string[] }) =>
    call<HubAnnouncement>('/announcements', { method: 'POST', body }),
  change: (id: string, change: { title?: string; body?: string; withdrawn?: boolean }) =>
    call<HubAnnouncement>(`/announcements/${at(id)}`, { method: 'PATCH', body: change }),
}
