// Tabs of one browser, with just enough of it around them: locks, a channel between tabs, and a server that counts streams.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { LineState } from './events'
import { LEADER_SILENCE_MS, SharedLine, type Browser, type Channel } from './shared'

interface News { payment: { n: number }; scan: { token: string } }
type Grant = { grant: () => Promise<unknown>; end: (fault?: unknown) => void; released: boolean }

/** The Web Locks API as far as it is used: one holder, a queue, stealing. */
class Locks {
  private holder: Grant | null = null
  private readonly queue: Grant[] = []

  request(_name: string, options: LockOptions, work: () => Promise<unknown>): Promise<void> {
    return new Promise((resolve, reject) => {
      const one: Grant = { grant: work, released: false, end: (fault) => (fault === undefined ? resolve() : reject(fault as Error)) }
      options.signal?.addEventListener('abort', () => {
        const place = this.queue.indexOf(one)
        if (place >= 0) {
          this.queue.splice(place, 1)
          one.end(new DOMException('', 'AbortError'))
        }
      })
      if (options.steal === true && this.holder !== null) {
        const robbed = this.holder
        robbed.released = true
        this.holder = null
        robbed.end(new DOMException('', 'AbortError'))
        this.queue.unshift(one)
      } else {
        this.queue.push(one)
      }
      this.next()
    })
  }

  private next(): void {
    if (this.holder !== null) return
    const one = this.queue.shift()
    if (one === undefined) return
    this.holder = one
    void one.grant().then(() => this.release(one))
  }

  /** Also what the browser does when a tab dies. */
  release(one: Grant | null = this.holder): void {
    if (one === null || one.released) return
    one.released = true
    if (this.holder === one) this.holder = null
    one.end()
    this.next()
  }
}

class Ether {
  private readonly ends = new Set<Channel>()

  open = (): Channel => {
    const mine: Channel = {
      onmessage: null,
      postMessage: (data) => {
        for (const end of this.ends) if (end !== mine) queueMicrotask(() => end.onmessage?.({ data } as MessageEvent))
      },
      close: () => this.ends.delete(mine),
    }
    this.ends.add(mine)
    return mine
  }
}

class Server {
  streams: { since: string | null; send: (text: string) => void; open: boolean }[] = []

  fetch = (_url: string, init: { headers: Record<string, string>; signal: AbortSignal }): Promise<Response> => {
    let send: (text: string) => void = () => undefined
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        send = (text) => controller.enqueue(new TextEncoder().encode(text))
        init.signal.addEventListener('abort', () => {
          stream.open = false
          controller.error(new DOMException('', 'AbortError'))
        })
      },
    })
    const stream = { since: init.headers['Last-Event-ID'] ?? null, send, open: true }
    this.streams.push(stream)
    return Promise.resolve(new Response(body, { status: 200 }))
  }

  get open(): number { return this.streams.filter((stream) => stream.open).length }

  tell(event: string, data: unknown, id?: string): void {
    const text = `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
    for (const stream of this.streams) if (stream.open) stream.send(text)
  }
}

class Tab {
  payments: number[] = []
  scans: string[] = []
  states: LineState[] = []
  readonly line: SharedLine<News>

  constructor(browser: Browser) {
    this.line = new SharedLine<News>('guitai.events.01', {
      on: { payment: ({ n }) => this.payments.push(n), scan: ({ token }) => this.scans.push(token) },
      state: (state) => this.states.push(state),
    }, browser)
  }
}

class Page extends EventTarget {
  hidden = false
}

const settle = async (): Promise<void> => { await vi.advanceTimersByTimeAsync(5) }

let server: Server
let locks: Locks
let browser: Browser

beforeEach(() => {
  vi.useFakeTimers()
  server = new Server()
  locks = new Locks()
  browser = { locks: locks as unknown as LockManager, channel: new Ether().open, page: new Page() as unknown as Document }
  vi.stubGlobal('fetch', server.fetch)
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('SharedLine', () => {
  it('takes one connection for any number of tabs, and every tab hears everything once', async () => {
    const tabs = Array.from({ length: 12 }, () => new Tab(browser))
    await settle()
    expect(server.open).toBe(1)
    server.tell('payment', { n: 1 }, '1-1')
    server.tell('scan', { token: 'a' })
    await settle()
    for (const tab of tabs) {
      expect([tab.payments, tab.scans, tab.states.at(-1)]).toEqual([[1], ['a'], 'open'])
    }
    const late = new Tab(browser)
    await settle()
    expect([server.open, late.states.at(-1)]).toEqual([1, 'open'])
  })

  it('goes on after the last event when the tab that holds it is closed', async () => {
    const [first, second, third] = [new Tab(browser), new Tab(browser), new Tab(browser)]
    await settle()
    server.tell('payment', { n: 7 }, '1-7')
    await settle()
    first.line.close()
    await settle()
    expect(server.open).toBe(1)
    expect(server.streams.at(-1)?.since).toBe('1-7')
    server.tell('payment', { n: 8 }, '1-8')
    await settle()
    expect([first.payments, second.payments, third.payments]).toEqual([[7], [7, 8], [7, 8]])
    // Lists are asked for again: news without a number may have fallen between.
    expect(second.states.slice(-3)).toEqual(['down', 'connecting', 'open'])
    expect(third.states.slice(-3)).toEqual(['down', 'connecting', 'open'])
  })

  it('leaves nothing behind when the last tab is closed', async () => {
    const tabs = [new Tab(browser), new Tab(browser)]
    await settle()
    for (const tab of tabs) tab.line.close()
    await settle()
    expect(server.open).toBe(0)
    const again = new Tab(browser)
    await settle()
    expect([server.open, again.states.at(-1)]).toEqual([1, 'open'])
  })

  it('is taken from a tab that hangs, which then follows', async () => {
    const ether = new Ether()
    // A tab whose messages no longer come out holds the line.
    let hung = false
    const channel = (): Channel => {
      const real = ether.open()
      return { ...real, postMessage: (said) => { if (!hung) real.postMessage(said) }, close: real.close, get onmessage() { return real.onmessage }, set onmessage(then) { real.onmessage = then } }
    }
    const stuck = new Tab({ ...browser, channel })
    await settle()
    const well = new Tab({ ...browser, channel: ether.open })
    await settle()
    expect(well.states.at(-1)).toBe('open')
    hung = true
    for (let waited = 0; waited < LEADER_SILENCE_MS; waited += 15_000) {
      await vi.advanceTimersByTimeAsync(15_000)
      for (const stream of server.streams) if (stream.open) stream.send(':\n\n')
    }
    await settle()
    hung = false
    expect(server.open).toBe(1)
    expect(well.states.slice(-3)).toEqual(['down', 'connecting', 'open'])
    server.tell('payment', { n: 3 }, '1-3')
    await settle()
    expect([well.payments, stuck.payments]).toEqual([[3], [3]])
    well.line.close()
    await settle()
    expect([server.open, stuck.states.at(-1)]).toEqual([1, 'open'])
  })

  it.each(['locks', 'channel'] as const)('is open only while the tab is seen where there is no %s', async (missing) => {
    const page = new Page()
    const tab = new Tab({ ...browser, [missing]: undefined, page: page as unknown as Document })
    await settle()
    server.tell('payment', { n: 1 }, '1-1')
    await settle()
    expect(server.open).toBe(1)
    page.hidden = true
    page.dispatchEvent(new Event('visibilitychange'))
    await settle()
    expect(server.open).toBe(0)
    page.hidden = false
    page.dispatchEvent(new Event('visibilitychange'))
    await settle()
    expect([server.open, server.streams.at(-1)?.since]).toEqual([1, '1-1'])
    tab.line.close()
    await settle()
    expect(server.open).toBe(0)
  })
})
