// What a test says: log in, type, scan, look; and the sandbox's book to check what was really taken.
import { expect, test as base, type Browser, type Locator, type Page } from '@playwright/test'
import { BUILD_MS, Household, type Merchant } from './merchant.ts'

export { expect }
export type { Locator, Page }

export interface Booked { order_no: string; trade_no: string; amount_fen: number; state: string; refunded_fen: number; charges: number }
export interface Payment { order_no: string; state: string; amount_fen: number; refunded_fen: number; cashier: string; kind: string; store?: string }
export type LineMode = 'up' | 'refuse' | 'mute' | 'slow' | 'cut'

/** An answer of the acquirer's may take its query pace and more. */
export const SETTLED = { timeout: 40_000 }

export class World {
  constructor(readonly about: Merchant) {}

  get node(): string { return this.about.nodes[0]!.url }
  get hub(): string { return this.about.hub }

  async book(): Promise<Booked[]> {
    return (await (await fetch(`${this.about.sandbox_control}/control/book`)).json()).orders
  }

  async booked(orderNo: string): Promise<Booked | undefined> {
    return (await this.book()).find((one) => one.order_no === orderNo)
  }

  async line(mode: LineMode): Promise<void> {
    await this.post(`${this.about.sandbox_control}/control/line`, JSON.stringify({ mode }))
  }

  async hubStop(): Promise<void> { await this.post(`${this.about.keeper}/hub/stop`) }
  async hubStart(): Promise<void> { await this.post(`${this.about.keeper}/hub/start`) }
  async otherStoreStop(): Promise<void> { await this.post(`${this.about.keeper}/node2/stop`) }
  async otherStoreStart(): Promise<void> { await this.post(`${this.about.keeper}/node2/start`) }
  async scanBox(digits: string): Promise<void> { await this.post(`${this.about.keeper}/scan`, digits) }

  async atNode<T>(path: string): Promise<T> { return this.read(`${this.node}/api/v1${path}`, this.about.nodes[0]!.api_key) }
  async atHub<T>(path: string): Promise<T> { return this.read(`${this.hub}/api/v1${path}`, this.about.hub_api_key) }

  private async read<T>(url: string, key: string): Promise<T> {
    const answer = await fetch(url, { headers: { Authorization: `Bearer ${key}` } })
    if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`)
    return (await answer.json()) as T
  }

  private async post(url: string, body = ''): Promise<void> {
    const answer = await fetch(url, { method: 'POST', body })
    if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`)
  }
}

/** Eighteen digits as WeChat shows them; good once. */
export function paymentCode(): string {
  return `13${Array.from({ length: 16 }, () => Math.floor(Math.random() * 10)).join('')}`
}

/** Guns leave 7 to 20 ms between keys. The times are told with the keys: a busy test machine must not turn a gun into a hand. */
const GUN_GAP_S = 0.008

/** A gun: keys faster than any hand, then Enter. */
export async function gun(page: Page, digits: string): Promise<void> {
  const session = await page.context().newCDPSession(page)
  const begun = Date.now() / 1_000
  const keys = [...digits].map((digit) => ({ key: digit, code: `Digit${digit}`, text: digit, windowsVirtualKeyCode: digit.charCodeAt(0) }))
  const enter = { key: 'Enter', code: 'Enter', text: '\r', windowsVirtualKeyCode: 13 }
  await Promise.all([...keys, enter].flatMap((one, n) => {
    const { text: _text, ...up } = one
    return [
      session.send('Input.dispatchKeyEvent', { type: 'keyDown', ...one, timestamp: begun + n * GUN_GAP_S }),
      session.send('Input.dispatchKeyEvent', { type: 'keyUp', ...up, timestamp: begun + n * GUN_GAP_S }),
    ]
  }))
  await session.detach()
}

/** A hand: slower than any gun. */
export async function hand(page: Page, text: string): Promise<void> {
  await page.keyboard.type(text, { delay: 95 })
}

/** Opens the page as somebody who has logged in already; the log-in form has its own tests. */
export async function enter(page: Page, origin: string, account: string, password: string, path = '/'): Promise<void> {
  await page.goto(origin)
  const status = await page.evaluate(async (body) => {
    const answer = await fetch('/api/v1/sessions', { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Guitai': '1' }, body: JSON.stringify(body) })
    return answer.status
  }, { account, password })
  expect(status).toBe(200)
  await page.goto(origin + path)
}

/** The page has asked who is logged in and listens to keys: nobody presses one before the amount can be seen. */
async function standsReady(page: Page): Promise<void> {
  await expect(page.getByTestId('amount')).toBeFocused()
}

/** One more browser, as on another desk. */
export async function desk(browser: Browser): Promise<Page> {
  const context = await browser.newContext()
  return context.newPage()
}

export const result = (page: Page): Locator => page.getByTestId('result')

/** Amount and code by gun, up to the answer's panel; gives the order's number. */
export async function charge(page: Page, yuan: string): Promise<string> {
  await expect(page.getByTestId('amount')).toBeFocused()
  await page.keyboard.type(yuan)
  await page.keyboard.press('Enter')
  await expect(page.getByTestId('code')).toBeFocused()
  await gun(page, paymentCode())
  await expect(result(page)).not.toHaveAttribute('data-result', 'sending', SETTLED)
  return orderShown(page)
}

/** The panel's order number, whole. */
export async function orderShown(page: Page): Promise<string> {
  const shown = await result(page).locator('footer .order').innerText()
  expect(shown).toMatch(/^\d{20}$/)
  return shown
}

interface Shared {
  /** A merchant of the worker's own: its tests cut its line and stop its hub. */
  merchant: Merchant
}

interface Fixtures {
  world: World
  /** Headquarters' page, logged in, on its own desk. */
  headquarters: Page
  /** The counter's page of the first store, cashier 03 logged in. */
  counter: Page
  /** The same store's administrator on another PC. */
  administrator: Page
  mended: undefined
}

export const test = base.extend<Fixtures, Shared>({
  merchant: [async ({}, use, worker) => {
    const household = new Household(worker.parallelIndex)
    try {
      await use(await household.open())
    } finally {
      await household.close()
    }
  }, { scope: 'worker', timeout: BUILD_MS }],
  world: async ({ merchant }, use) => {
    await use(new World(merchant))
  },
  // Whatever a test broke is whole again for the next one.
  mended: [async ({ world }, use) => {
    await use(undefined)
    await world.line('up')
    await world.hubStart()
    await world.otherStoreStart()
  }, { auto: true }],
  counter: async ({ page, world }, use) => {
    await enter(page, world.node, '03', world.about.password, '/collect')
    await standsReady(page)
    await use(page)
  },
  administrator: async ({ browser, world }, use) => {
    const page = await desk(browser)
    await enter(page, world.node, '01', world.about.password, '/collect')
    await standsReady(page)
    await use(page)
    await page.context().close()
  },
  headquarters: async ({ browser, world }, use) => {
    const page = await desk(browser)
    await enter(page, world.hub, 'admin', world.about.password, '/stores')
    await use(page)
    await page.context().close()
  },
})
