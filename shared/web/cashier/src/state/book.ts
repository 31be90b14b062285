// Keeping payments in order: the newest fact wins whichever way it came, rows stand newest first.
import type { Payment, PaymentState } from '@guitai/api'

function factNo(fact: string): [number, number] {
  const [epoch = 0, number = 0] = fact.split('-').map(Number)
  return [epoch, number]
}

/** No payment comes back to these. A row's fact may be the one that opened it, so among equals the state decides. */
const WAITING: ReadonlySet<PaymentState> = new Set<PaymentState>(['pending', 'unknown', 'held'])

/** An answer may come after a newer event; a fact number never goes back. */
export function newer(known: Payment | undefined | null, seen: Payment): Payment {
  if (known === undefined || known === null || known.order_no !== seen.order_no) return seen
  const [epochA, numberA] = factNo(known.fact)
  const [epochB, numberB] = factNo(seen.fact)
  if (epochA === epochB && numberA === numberB) return WAITING.has(seen.state) && !WAITING.has(known.state) ? known : seen
  return epochB > epochA || (epochB === epochA && numberB > numberA) ? seen : known
}

export function upsert(rows: Payment[], seen: Payment, insert = true): Payment[] {
  const at = rows.findIndex((row) => row.order_no === seen.order_no)
  if (at >= 0) return rows.map((row, index) => (index === at ? newer(row, seen) : row))
  if (!insert) return rows
  const before = rows.findIndex((row) => row.created_at < seen.created_at || (row.created_at === seen.created_at && row.order_no < seen.order_no))
  return before < 0 ? [...rows, seen] : [...rows.slice(0, before), seen, ...rows.slice(before)]
}

/** Keys of requests that move money. `randomUUID` exists only in secure contexts, which a till in the LAN may not be. */
export function newKey(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID()
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
