// Server-sent events over fetch: unlike EventSource it can send Last-Event-ID after any kind of break, sees
// the status of a refusal, and notices a line that went silent without closing.
import type { paths as HubPaths } from './generated/hub'
import type { paths as NodePaths } from './generated/node'

const EVENTS = '/api/v1/events' satisfies keyof NodePaths & keyof HubPaths

export interface ServerEvent { id: string | null; event: string; data: string }

/** The text format of the WHATWG standard, fed in pieces of any size. */
export class EventParser {
  private rest = ''
  private id: string | null = null
  private event = ''
  private data: string[] = []

  push(piece: string): ServerEvent[] {
    const found: ServerEvent[] = []
    this.rest += piece
    for (;;) {
      const end = this.rest.search(/\r\n|\n|\r(?!$)/)
      if (end < 0) return found
      const line = this.rest.slice(0, end)
      this.rest = this.rest.slice(end + (this.rest.startsWith('\r\n', end) ? 2 : 1))
      const done = this.line(line)
      if (done !== null) found.push(done)
    }
  }

  private line(line: string): ServerEvent | null {
    if (line === '') {
      const ready = this.data.length === 0
        ? null
        : { id: this.id, event: this.event === '' ? 'message' : this.event, data: this.data.join('\n') }
      this.event = ''
      this.data = []
      return ready
    }
    if (line.startsWith(':')) return null
    const colon = line.indexOf(':')
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'event') this.event = value
    else if (name === 'data') this.data.push(value)
    else if (name === 'id' && !value.includes('\0')) this.id = value
    return null
  }
}

export type LineState = 'connecting' | 'open' | 'down'

/** `Events` names what the server's stream tells. */
export interface EventLineOptions<Events> {
  on: { [Name in keyof Events]?: (data: Events[Name]) => void }
  state: (state: LineState) => void
  refused?: (status: number) => void
  /** The last event that was heard before, as by another tab. */
  since?: string | null
  /** Every event as it came, before it is told. */
  heard?: (event: ServerEvent) => void
  /** Bytes came, be it a comment. */
  alive?: () => void
}

/** The server says something (an event or a comment) at least this often; twice missed means the line is dead. */
const SILENCE_MS = 45_000
const RETRY_FIRST_MS = 500
const RETRY_MOST_MS = 8_000

export class EventLine<Events> {
  private stopped = false
  private lastId: string | null
  private current: AbortController | null = null
  private retryMs = RETRY_FIRST_MS
  private wake: (() => void) | null = null

  constructor(private readonly options: EventLineOptions<Events>) {
    this.lastId = options.since ?? null
    void this.run()
  }

  close(): void {
    this.stopped = true
    this.current?.abort()
    this.wake?.()
  }

  /** The network is said to be back: no need to sit out the pause. */
  hurry(): void { this.wake?.() }

  private async run(): Promise<void> {
    while (!this.stopped) {
      this.options.state('connecting')
      await this.once().catch(() => undefined)
      if (this.stopped) return
      this.options.state('down')
      await new Promise<void>((resume) => {
        const timer = setTimeout(resume, this.retryMs)
        this.wake = () => { clearTimeout(timer); resume() }
      })
      this.wake = null
      this.retryMs = Math.min(this.retryMs * 2, RETRY_MOST_MS)
    }
  }

  private async once(): Promise<void> {
    const stop = new AbortController()
    this.current = stop
    let silence = setTimeout(() => stop.abort(), SILENCE_MS)
    try {
      const headers: Record<string, string> = { Accept: 'text/event-stream' }
      if (this.lastId !== null) headers['Last-Event-ID'] = this.lastId
      const answer = await fetch(EVENTS, { headers, credentials: 'same-origin', cache: 'no-store', signal: stop.signal })
      if (!answer.ok || answer.body === null) {
        this.options.refused?.(answer.status)
        return
      }
      this.options.state('open')
      this.retryMs = RETRY_FIRST_MS
      const parser = new EventParser()
      const decoder = new TextDecoder()
      const reader = answer.body.getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return
        clearTimeout(silence)
        silence = setTimeout(() => stop.abort(), SILENCE_MS)
        if (this.stopped) return
        this.options.alive?.()
        for (const event of parser.push(decoder.decode(value, { stream: true }))) this.take(event)
      }
    } finally {
      clearTimeout(silence)
    }
  }

  private take(event: ServerEvent): void {
    if (event.id !== null && event.id !== '') this.lastId = event.id
    this.options.heard?.(event)
    EventLine.deliver(event, this.options.on)
  }

  /** Tells an event to those who asked for its name. */
  static deliver<Events>(event: ServerEvent, on: EventLineOptions<Events>['on']): void {
    const then = on[event.event as keyof Events]
    if (then === undefined) return
    let data: Events[keyof Events]
    try { data = JSON.parse(event.data) } catch { return }
    then(data)
  }
}
