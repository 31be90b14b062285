// A scanner gun types like a keyboard, only faster than anybody can. Its burst is caught wherever the focus is, and the
// characters that fell into a field before the burst was recognised are taken out again.

/** Guns send a key every 7 to 20 ms; people need 60 ms and more. */
export const KEY_GAP_MS = 30
/** Once it is clearly a gun, a busy PC may stretch the gaps up to the silence that ends the burst. */
export const SILENCE_MS = 80
const CLEAR_AFTER = 6
/** No amount has this many digits, so from here on it cannot be a fast hand. Goods codes (12 to 14) are caught to be refused. */
export const BURST_LEAST = 12
/** In a password field only what is as long as a payment code is taken for one. */
const BURST_LEAST_PASSWORD = 16
/** Guns that send CR LF press Enter twice. */
const ENTER_ECHO_MS = 300

export type Classified =
  | { kind: 'payment_code' } | { kind: 'order_no' } | { kind: 'empty' } | { kind: 'goods_code' } | { kind: 'link' }
  | { kind: 'not_digits' } | { kind: 'length' }

/** Day (days since 2000), issuer, second of the day, sequence; and ISO 7064 mod 97-10: the whole leaves 1. The same rule as
 *  the node's `OrderNo::parse`: no number of ours begins as an Alipay code does (25 to 30), whose codes may also have 20 digits
 *  and one in 97 of those would pass the check digits alone. */
export function isOrderNo(text: string): boolean {
  const parts = /^(\d{5})(\d{6})\d{9}$/.exec(text)
  if (parts === null) return false
  const day = Number(parts[1])
  return day >= 1 && day < 25_000 && Number(parts[2]) > 0 && BigInt(text) % 97n === 1n
}

/** The same rules as the node's `PaymentCode::parse`; order numbers are told apart by their check digits. */
export function classify(scanned: string): Classified {
  const text = scanned.trim()
  if (text === '') return { kind: 'empty' }
  if (/^fp[0-9a-z]{33}$/i.test(text)) return { kind: 'payment_code' }
  if (text.includes('://')) return { kind: 'link' }
  if (!/^\d+$/.test(text)) return { kind: 'not_digits' }
  if (text.length === 8 || (text.length >= 12 && text.length <= 14)) return { kind: 'goods_code' }
  if (isOrderNo(text)) return { kind: 'order_no' }
  if (text.length >= 16 && text.length <= 24) return { kind: 'payment_code' }
  return { kind: 'length' }
}

export type Verdict = 'pass' | 'swallow' | 'burst'

/** The decision without the DOM: keys and their times in, verdicts out. */
export class BurstDetector {
  private text = ''
  private lastAt = Number.NEGATIVE_INFINITY
  private doneAt = Number.NEGATIVE_INFINITY

  get length(): number { return this.text.length }

  /** A key as typed, `at` in ms. `burst` says that `take()` has a whole code (only for Enter). */
  key(key: string, at: number, least: number = BURST_LEAST): Verdict {
    if (key === 'Enter') {
      if (at - this.lastAt < SILENCE_MS && this.whole(least)) return 'burst'
      this.text = ''
      return at - this.doneAt < ENTER_ECHO_MS ? 'swallow' : 'pass'
    }
    if (!/^[0-9a-zA-Z]$/.test(key)) {
      // Shift and the like come between the characters of a gun.
      if (key.length === 1) this.text = ''
      return 'pass'
    }
    // Somebody types again: the next Enter is meant.
    this.doneAt = Number.NEGATIVE_INFINITY
    const limit = this.text.length >= CLEAR_AFTER ? SILENCE_MS : KEY_GAP_MS
    this.text = at - this.lastAt < limit ? this.text + key : key
    this.lastAt = at
    return this.text.length > least && this.whole(least) ? 'swallow' : 'pass'
  }

  /** Silence has come: is what was typed a whole code? */
  silent(least: number = BURST_LEAST): boolean {
    if (this.whole(least)) return true
    this.text = ''
    return false
  }

  take(at: number): string {
    const text = this.text
    this.text = ''
    this.doneAt = at
    return text
  }

  private whole(least: number): boolean {
    return (this.text.length >= least && /^\d+$/.test(this.text)) || (this.text.length > BURST_LEAST_PASSWORD && /^fp[0-9a-z]+$/i.test(this.text))
  }
}

type Field = HTMLInputElement | HTMLTextAreaElement

function fieldOf(target: EventTarget | null): Field | null {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement ? target : null
}

/** An IME hides digits behind `Process`; the physical key still tells them. */
function keyOf(event: KeyboardEvent): string {
  if (event.key !== 'Process' && event.key !== 'Unidentified') return event.key
  return /^(?:Digit|Numpad)(\d)$/.exec(event.code)?.[1] ?? event.key
}

/** Watches the whole page. Returns what stops it. */
export function watchScanner(onScan: (text: string) => void, page: Document = document): () => void {
  const detector = new BurstDetector()
  let before: { field: Field; value: string } | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let least = BURST_LEAST

  function deliver(at: number): void {
    clearTimeout(timer)
    const text = detector.take(at)
    if (before !== null && before.field.value !== before.value) {
      before.field.value = before.value
      before.field.dispatchEvent(new Event('input', { bubbles: true }))
    }
    before = null
    onScan(text)
  }

  function onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.altKey || event.metaKey) return
    const field = fieldOf(event.target)
    const valueBefore = field?.value ?? ''
    least = field instanceof HTMLInputElement && field.type === 'password' ? BURST_LEAST_PASSWORD : BURST_LEAST
    const verdict = detector.key(keyOf(event), event.timeStamp, least)
    if (verdict !== 'pass') {
      event.preventDefault()
      event.stopImmediatePropagation()
    }
    if (verdict === 'burst') {
      deliver(event.timeStamp)
      return
    }
    // The first key of a run: what the field held before it is what it gets back.
    if (detector.length === 1) before = field === null ? null : { field, value: valueBefore }
    clearTimeout(timer)
    if (detector.length >= BURST_LEAST) {
      timer = setTimeout(() => { if (detector.silent(least)) deliver(event.timeStamp + SILENCE_MS) }, SILENCE_MS)
    }
  }

  page.addEventListener('keydown', onKey, { capture: true })
  return () => {
    clearTimeout(timer)
    page.removeEventListener('keydown', onKey, { capture: true })
  }
}
