// The one door to /api/v1. Every failure is either a ProblemError (the server said no, in words) or a
// LinkError (no usable answer: nobody knows what happened, so the same request may have to be sent again).
import type { Answer, Asked, MethodsOf } from './described'
import type { paths as HubPaths } from './generated/hub'
import type { paths as NodePaths } from './generated/node'
import type { Approver, ChargeRequest, Problem, RefundRequest } from './types'

/** A request without an answer for this long counts as lost; the longest `wait_ms` is 60 s. */
const ANSWER_LIMIT_MS = 75_000

const SESSIONS = '/api/v1/sessions' satisfies keyof NodePaths & keyof HubPaths
const RECEIPT = '/api/v1/payments/{order_no}/receipt.png' satisfies keyof NodePaths

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
  path?: object | undefined
  query?: object | undefined
  body?: unknown
  key?: string | undefined
}

let language = 'zh-CN'
let onUnauthorized: () => void = () => undefined
let clockAheadMs = 0

export function speak(locale: string): void { language = locale }
/** Called when a session that was there is gone; not for a failed log-in. */
export function whenUnauthorized(then: () => void): void { onUnauthorized = then }
/** The server's clock; this PC's own may be minutes off. */
export function serverNow(): number { return Date.now() + clockAheadMs }

/** A described path with its names and its query filled in. */
export function address(template: string, names: object | undefined, query: object | undefined): string {
  const given = new Map(Object.entries(names ?? {}))
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(given.get(name))))
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
      return { type: 'about:blank', title: found.code, ...found, code: found.code, status: answer.status }
    }
  } catch { /* no JSON: said by the status below */ }
  return { type: 'about:blank', title: `HTTP ${answer.status}`, status: answer.status, code: `http_${answer.status}` }
}

async function send(method: string, template: string, { path, query, body, key }: Call): Promise<unknown> {
  const headers: Record<string, string> = { Accept: 'application/json', 'Accept-Language': language }
  if (method !== 'GET') headers['X-Guitai'] = '1'
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  if (key !== undefined) headers['Idempotency-Key'] = key
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(), ANSWER_LIMIT_MS)
  try {
    const answer = await fetch(address(template, path, query), {
      method, headers, credentials: 'same-origin', cache: 'no-store', signal: stop.signal,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    readClock(answer)
    if (!answer.ok) {
      const problem = await problemOf(answer)
      if (answer.status === 401 && !template.startsWith(SESSIONS) && problem.code !== 'wrong_password') onUnauthorized()
      const wait = Number.parseInt(answer.headers.get('retry-after') ?? '', 10)
      throw new ProblemError(problem, Number.isNaN(wait) ? null : wait)
    }
    if (answer.status === 204 || answer.status === 205) return undefined
    return await answer.json()
  } catch (fault) {
    if (fault instanceof ProblemError) throw fault
    throw new LinkError(fault instanceof Error ? fault.message : String(fault))
  } finally {
    clearTimeout(timer)
  }
}

/** A client of whoever describes these paths. */
function client<Paths>() {
  return <At extends keyof Paths & string, M extends MethodsOf<Paths[At]> & keyof Paths[At] & string>(
    method: M, path: At, asked: Asked<Paths[At][M]>,
  ) => send(method.toUpperCase(), path, asked as Call) as Promise<Answer<Paths[At][M]>>
}

const node = client<NodePaths>()
const hub = client<HubPaths>()

/** A list's filter. Words come from the page's address as somebody typed them; the server says which one it does not know. */
type Filter<Operation> = Asked<Operation> extends { query?: infer Query }
  ? { [Name in keyof Query]: NonNullable<Query[Name]> extends string ? string : Query[Name] }
  : never
type NodePayments = NodePaths['/api/v1/payments']['get']
type HubPayments = HubPaths['/api/v1/payments']['get']

/** What the cashier's page asks of its node. */
export const api = {
  logIn: (account: string, password: string) => node('post', SESSIONS, { body: { account, password } }),
  session: () => node('get', '/api/v1/sessions/current', {}),
  logOut: () => node('delete', '/api/v1/sessions/current', {}),

  charge: (body: ChargeRequest, key: string) => node('post', '/api/v1/payments', { body, key }),
  payment: (order_no: string) => node('get', '/api/v1/payments/{order_no}', { path: { order_no } }),
  payments: (query: Filter<NodePayments>) => node('get', '/api/v1/payments', { query: query as Asked<NodePayments>['query'] }),
  cancel: (order_no: string, key: string) =>
    node('post', '/api/v1/payments/{order_no}/cancel', { path: { order_no }, key }),
  handedOver: (order_no: string, key: string) =>
    node('post', '/api/v1/payments/{order_no}/handed-over', { path: { order_no }, key }),
  notHandedOver: (order_no: string, key: string) =>
    node('post', '/api/v1/payments/{order_no}/not-handed-over', { path: { order_no }, key }),
  void: (order_no: string, approver: Approver, key: string) =>
    node('post', '/api/v1/payments/{order_no}/void', { path: { order_no }, body: { approver }, key }),
  refund: (order_no: string, body: RefundRequest, key: string) =>
    node('post', '/api/v1/payments/{order_no}/refunds', { path: { order_no }, body, key }),
  reprint: (order_no: string) => node('post', '/api/v1/payments/{order_no}/receipt', { path: { order_no } }),
  receiptPicture: (order_no: string) => address(RECEIPT, { order_no }, undefined),

  statsDay: (date?: string) => node('get', '/api/v1/stats/day', { query: { date } }),
  announcements: () => node('get', '/api/v1/announcements', {}),
  markRead: (id: string) => node('post', '/api/v1/announcements/{id}/read', { path: { id } }),
  editAnnouncement: (id: string, body: { title?: string; body?: string }) =>
    node('patch', '/api/v1/announcements/{id}', { path: { id }, body }),
  sync: () => node('get', '/api/v1/sync', {}),
  health: () => node('get', '/api/v1/health', {}),
}

/** What headquarters' page asks of the hub. */
export const hubApi = {
  session: () => hub('get', '/api/v1/sessions/current', {}),
  logOut: () => hub('delete', '/api/v1/sessions/current', {}),
  stores: () => hub('get', '/api/v1/stores', {}),
  payment: (order_no: string) => hub('get', '/api/v1/payments/{order_no}', { path: { order_no } }),
  payments: (query: Filter<HubPayments>) => hub('get', '/api/v1/payments', { query: query as Asked<HubPayments>['query'] }),
  stats: (query: { date?: string; store?: string }) => hub('get', '/api/v1/stats', { query }),
  announcements: () => hub('get', '/api/v1/announcements', {}),
  publish: (body: { title: string; body: string; stores?: string[] }) => hub('post', '/api/v1/announcements', { body }),
  change: (id: string, body: { title?: string; body?: string; withdrawn?: boolean }) =>
    hub('patch', '/api/v1/announcements/{id}', { path: { id }, body }),
}
