// From a payment to the words and the colour it is shown with. One table for panel, list and headquarters.
import type { Payment, PaymentState } from '@guitai/api'

/** attention = you must act or wait; quiet = nothing happened to the customer's money. */
export type Tone = 'working' | 'good' | 'bad' | 'attention' | 'quiet'

export type ResultKey =
  | 'pending' | 'paid' | 'declined' | 'unknown' | 'held' | 'reversing' | 'reversed' | 'refunding' | 'part_refunded'
  | 'refunded' | 'quarantined' | 'not_sent' | 'configuration' | 'expired' | 'cancelled' | 'closed'

export const RESULTS: Record<ResultKey, Tone> = {
  pending: 'working',
  paid: 'good',
  declined: 'bad',
  unknown: 'attention',
  held: 'attention',
  reversing: 'working',
  reversed: 'quiet',
  refunding: 'working',
  part_refunded: 'quiet',
  refunded: 'quiet',
  quarantined: 'attention',
  not_sent: 'bad',
  configuration: 'bad',
  expired: 'quiet',
  cancelled: 'quiet',
  closed: 'quiet',
}

export function resultKey(payment: Pick<Payment, 'state' | 'reason'>): ResultKey {
  if (payment.state !== 'closed') return payment.state
  switch (payment.reason) {
    case 'not_sent':
    case 'configuration':
    case 'expired':
    case 'cancelled':
      return payment.reason
    default:
      return 'closed'
  }
}

export function toneOf(payment: Pick<Payment, 'state' | 'reason'>): Tone {
  return RESULTS[resultKey(payment)]
}

/** Still on its way: keep asking, keep the customer at the counter. */
export function isOpen(state: PaymentState): boolean {
  switch (state) {
    case 'pending':
    case 'unknown':
    case 'held':
    case 'reversing':
    case 'refunding':
      return true
    case 'paid':
    case 'declined':
    case 'closed':
    case 'reversed':
    case 'part_refunded':
    case 'refunded':
    case 'quarantined':
      return false
  }
}

/** What goes back to customers is shown with a minus. */
export function signedFen(payment: Pick<Payment, 'kind' | 'amount_fen'>): number {
  return payment.kind === 'charge' ? payment.amount_fen : -Math.abs(payment.amount_fen)
}

export const STATES: PaymentState[] = [
  'pending', 'paid', 'declined', 'unknown', 'held', 'reversing', 'closed', 'reversed', 'refunding', 'part_refunded', 'refunded', 'quarantined',
]
