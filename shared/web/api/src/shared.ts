// One stream of events for all tabs of a browser: HTTP/1.1 gives a page's origin six connections, and a stream holds one
// for ever, so six open tabs left none for a charge. One tab holds the line and tells the others; when it is closed or
// hangs, another takes over and goes on after the last event that it heard.
import { EventLine, type EventLineOptions, type LineState, type ServerEvent } from './events'

type Said =
  | { kind: 'event'; event: ServerEvent }
  | { kind: 'state'; state: LineState }
  | { kind: 'alive' }
  | { kind: 'hello' }
  | { kind: 'hurry' }

export interface Channel {
  postMessage: (said: Said) => void
  close: () => void
  onmessage: ((message: MessageEvent<Said>) => void) | null
}

/** What of a browser it takes; tests bring their own. */
export interface Browser {
  locks: Pick<LockManager, 'request'> | undefined
  channel: ((name: string) => Channel) | undefined
  page: { readonly hidden: boolean; addEventListener: Document['addEventListener']; removeEventListener: Document['removeEventListener'] }
}

/** The tab that holds the line says something at least this often (the server's comments come every 15 s). */
export const LEADER_SILENCE_MS = 60_000

function thisBrowser(): Browser {
  return {
    // Only where the page came over HTTPS or from this machine.
    locks: (navigator as Partial<Navigator>).locks,
    channel: typeof BroadcastChannel === 'undefined' ? undefined : (name) => new BroadcastChannel(name),
    page: document,
  }
}

/** `name` tells apart whose events they are: tabs of another account have a line of their own. */
export class SharedLine<Events> {
  private lastId: string | null = null
  private line: EventLine<Events> | null = null
  private readonly channel: Channel | null
  private stopLeading: (() => void) | null = null
  private readonly waiting = new AbortController()
  private closed = false
  private state: LineState = 'connecting'
  /** Another tab's line was heard of. */
  private followed = false
  private silence: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly name: string, private readonly options: EventLineOptions<Events>, private readonly browser: Browser = thisBrowser()) {
    this.options.state('connecting')
    if (browser.locks === undefined || browser.channel === undefined) {
      this.channel = null
      browser.page.addEventListener('visibilitychange', this.seen)
      this.seen()
      return
    }
    this.channel = browser.channel(name)
    this.channel.onmessage = ({ data }) => this.hear(data)
    this.channel.postMessage({ kind: 'hello' })
    this.listen()
    void this.queue(browser.locks, false)
  }

  close(): void {
    this.closed = true
    clearTimeout(this.silence)
    this.browser.page.removeEventListener('visibilitychange', this.seen)
    this.waiting.abort()
    this.stopLeading?.()
    this.line?.close()
    this.line = null
    this.channel?.close()
  }

  /** The network is said to be back. */
  hurry(): void {
    if (this.line !== null) this.line.hurry()
    else this.channel?.postMessage({ kind: 'hurry' })
  }

  /** Without locks each tab has its own line, and only while somebody can see it. */
  private readonly seen = (): void => {
    if (this.browser.page.hidden) {
      this.line?.close()
      this.line = null
      this.tell('down')
    } else {
      this.line ??= this.open()
    }
  }

  private async queue(locks: Pick<LockManager, 'request'>, steal: boolean): Promise<void> {
    while (!this.closed) {
      try {
        await locks.request(this.name, steal ? { steal } : { signal: this.waiting.signal }, () => this.lead())
      } catch { /* closed while waiting; or another tab took the line because this one seemed to hang */ }
      this.line?.close()
      this.line = null
      if (steal) return
      this.listen()
    }
  }

  private lead(): Promise<void> {
    clearTimeout(this.silence)
    if (this.closed) return Promise.resolve()
    // What came between two holders and has no number is lost: whoever shows lists asks again.
    if (this.followed) this.tell('down')
    this.line = this.open()
    return new Promise((resolve) => { this.stopLeading = resolve })
  }

  private open(): EventLine<Events> {
    return new EventLine<Events>({
      ...this.options,
      since: this.lastId,
      state: (state) => this.tell(state),
      heard: (event) => {
        this.note(event)
        this.channel?.postMessage({ kind: 'event', event })
      },
      alive: () => this.channel?.postMessage({ kind: 'alive' }),
    })
  }

  private tell(state: LineState): void {
    this.state = state
    this.options.state(state)
    this.channel?.postMessage({ kind: 'state', state })
  }
  private hear(said: Said): void {
    if (this.closed) return
    if (this.line !== null) {
      if (said.kind === 'hello') this.channel?.postMessage({ kind: 'state', state: this.state })
      if (said.kind === 'hurry') this.line.hurry()
      return
    }
    if (said.kind === 'hello' || said.kind === 'hurry') return
    this.listen()
    this.followed = true
    if (said.kind === 'state') this.options.state(said.state)
    if (said.kind === 'event') {
      this.note(said.event)
      EventLine.deliver(said.event, this.options.on)
    }
  }

  private note(event: ServerEvent): void {
    if (event.id !== null && event.id !== '') this.lastId = event.id
  }

  /** The tab that holds the line may hang, in a dialog or put to sleep: then this one takes it. */
  private listen(): void {
    clearTimeout(this.silence)
    if (this.closed) return
    this.silence = setTimeout(() => {
      this.options.state('down')
      if (this.browser.locks !== undefined) void this.queue(this.browser.locks, true)
    }, LEADER_SILENCE_MS)
  }
}
