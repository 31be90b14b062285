// One scan of a box is for one page. Several may be open at a till, in tabs and windows; the one that people work in takes
// the code, and if none of them is in front, nobody does and the last one used says so.
import type { ScanEvent } from '@guitai/api'

export type Seat = 'take' | 'say' | 'leave'

type Said = { used: string; till: string } | { left: string }

export interface DeskChannel {
  postMessage: (said: Said) => void
  close: () => void
  onmessage: ((message: MessageEvent<Said>) => void) | null
}

/** What of a browser it takes; tests bring their own. */
export interface DeskBrowser {
  page: Pick<Document, 'hasFocus' | 'visibilityState'>
  window: Pick<Window, 'addEventListener' | 'removeEventListener'>
  channel: (() => DeskChannel) | undefined
}

/** What a person at a page does. */
const WORK = ['focus', 'pointerdown', 'keydown'] as const
/** Scans that a page has seen, so that one offered again after a break is not taken twice. */
const SEEN_MAX = 64

export class Desk {
  private readonly id = crypto.getRandomValues(new Uint32Array(4)).join('-')
  private readonly channel: DeskChannel | null
  private till: string | undefined
  /** The page last used at each till. */
  private readonly inUse = new Map<string, string>()
  private seen: string[] = []

  constructor(private readonly browser: DeskBrowser) {
    this.channel = browser.channel?.() ?? null
    if (this.channel !== null) this.channel.onmessage = ({ data }) => this.hear(data)
    for (const name of WORK) browser.window.addEventListener(name, this.work, { capture: true })
    browser.window.addEventListener('pagehide', this.leave)
  }

  close(): void {
    for (const name of WORK) this.browser.window.removeEventListener(name, this.work, { capture: true })
    this.browser.window.removeEventListener('pagehide', this.leave)
    this.leave()
    this.channel?.close()
  }

  /** Which till this page collects for. */
  sitAt(till: string | undefined): void {
    if (till === this.till) return
    this.leave()
    this.till = till
    if (this.inFront()) this.work()
  }

  /** What this page does with a scan of its till's box. */
  of(scan: ScanEvent): Seat {
    if (scan.till !== this.till || this.again(scan)) return 'leave'
    const inUse = this.inUse.get(scan.till)
    if (inUse !== undefined && inUse !== this.id) return 'leave'
    return this.inFront() ? 'take' : 'say'
  }

  private again(scan: ScanEvent): boolean {
    if (!('token' in scan)) return false
    if (this.seen.includes(scan.token)) return true
    this.seen = [...this.seen, scan.token].slice(-SEEN_MAX)
    return false
  }

  private inFront(): boolean {
    return this.browser.page.visibilityState === 'visible' && this.browser.page.hasFocus()
  }

  private readonly work = (): void => {
    if (this.till === undefined || this.inUse.get(this.till) === this.id) return
    this.inUse.set(this.till, this.id)
    this.channel?.postMessage({ used: this.id, till: this.till })
  }

  private readonly leave = (): void => {
    if (this.till === undefined || this.inUse.get(this.till) !== this.id) return
    this.inUse.delete(this.till)
    this.channel?.postMessage({ left: this.id })
  }

  private hear(said: Said): void {
    if ('used' in said) {
      this.inUse.set(said.till, said.used)
      return
    }
    for (const [till, id] of this.inUse) if (id === said.left) this.inUse.delete(till)
  }
}

export function thisBrowser(): DeskBrowser {
  return {
    page: document,
    window,
    channel: typeof BroadcastChannel === 'undefined' ? undefined : () => new BroadcastChannel('guitai.desk'),
  }
}
