// Pictures of every screen, at the size of a till. scripts/screenshots keeps the best of them.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { charge, enter, expect, gun, hand, paymentCode, SETTLED, test, type Page, type World } from '../counter.ts'

const FOLDER = process.env.GUITAI_PICTURES!
mkdirSync(FOLDER, { recursive: true })
const YESTERDAY_IN_BEIJING_MS = (24 - 8) * 3_600_000
test.describe.configure({ mode: 'serial' })

async function picture(page: Page, name: string): Promise<void> {
  await page.evaluate(() => document.fonts.ready)
  await page.screenshot({ path: join(FOLDER, `${name}.png`), animations: 'disabled', caret: 'hide' })
}

/** A morning's trade, so that the day's screens are not empty. */
async function trade(world: World): Promise<void> {
  const cents = [1250, 3600, 860, 15890, 4530, 2200, 990, 6780, 3340, 5601, 12800, 450, 7850, 2980, 1860, 9930]
  const prefixes = ['13', '28', '13', '62', '28', '13']
  for (const [n, amount] of cents.entries()) {
    const { url, api_key } = world.about.nodes[n % 2]!
    const wallet = prefixes[n % prefixes.length]!
    const code = wallet === '62' ? `62${paymentCode().slice(1)}` : wallet + paymentCode().slice(2)
    const answer = await fetch(`${url}/api/v1/payments`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${api_key}`, 'Content-Type': 'application/json', 'Idempotency-Key': `pictures-${n}-${Date.now()}` },
      body: JSON.stringify({ amount_fen: amount, auth_code: code, till: n % 3 === 0 ? 'T2' : 'T1', cashier: n % 4 === 0 ? '04' : '03' }),
    })
    expect(answer.status).toBe(200)
  }
}

test('log-in', async ({ page, world }) => {
  await trade(world)
  await page.goto(world.node)
  await expect(page.getByTestId('login-account')).toBeFocused()
  await picture(page, 'login')
  await hand(page, '03')
  await page.keyboard.press('Tab')
  await page.keyboard.type('wrong')
  await page.keyboard.press('Enter')
  await expect(page.getByTestId('login-error')).toBeVisible()
  await picture(page, 'login-refused')
})

test('collecting', async ({ counter, world }) => {
  await expect(counter.getByTestId('recent-row').nth(8)).toBeVisible()
  await expect(counter.getByTestId('device-scanner')).toContainText('就绪', SETTLED)
  await picture(counter, 'collect')
  await counter.keyboard.type('36.80')
  await counter.keyboard.press('Enter')
  await picture(counter, 'collect-amount')
  await gun(counter, '6901234567892')
  await expect(counter.getByTestId('code-error')).toBeVisible()
  await picture(counter, 'collect-goods-code')
  await counter.reload()
  await expect(counter.getByTestId('amount')).toBeFocused()
  await world.scanBox(paymentCode())
  await expect(counter.getByTestId('got-code')).toBeVisible()
  await picture(counter, 'collect-code-first')
  await counter.keyboard.press('F1')
  await expect(counter.getByTestId('key-map')).toBeVisible()
  await picture(counter, 'keys')
})

test('results', async ({ counter, world }) => {
  test.setTimeout(300_000)
  const again = async (): Promise<void> => { await counter.keyboard.press('F2') }
  await charge(counter, '36.80')
  await expect(counter.getByTestId('result-word')).toHaveText('成功')
  await picture(counter, 'paid')
  await again()
  await charge(counter, '58.09')
  await picture(counter, 'declined')
  await again()
  await charge(counter, '128.03')
  await expect(counter.getByTestId('cancel')).toBeVisible({ timeout: 30_000 })
  await picture(counter, 'pending')
  await counter.keyboard.press('Alt+x')
  await expect(counter.getByTestId('result')).toHaveAttribute('data-result', 'cancelled', SETTLED)
  await picture(counter, 'cancelled')
  await again()
  await charge(counter, '45.13')
  await expect(counter.getByTestId('result')).toHaveAttribute('data-result', 'quarantined', SETTLED)
  await picture(counter, 'quarantined')
  await again()
  await world.line('refuse')
  await charge(counter, '23.40')
  await expect(counter.getByTestId('result-word')).toHaveText('未发出')
  await picture(counter, 'not-sent')
  await world.line('up')
  await again()
  await world.line('mute')
  await charge(counter, '66.60')
  await expect(counter.getByTestId('result-word')).toHaveText('结果未知', SETTLED)
  await picture(counter, 'unknown-at-first')
  await expect(counter.getByTestId('handed-over')).toBeVisible({ timeout: 90_000 })
  await picture(counter, 'unknown')
  await counter.keyboard.type('5')
  await expect(counter.getByTestId('must-wait')).toBeVisible()
  await picture(counter, 'unknown-must-wait')
  await counter.keyboard.press('Alt+y')
  await expect(counter.getByTestId('result')).toHaveAttribute('data-result', 'held', SETTLED)
  await picture(counter, 'held')
})

test('list, totals, giving back, notices', async ({ counter, administrator, world }) => {
  const orderNo = await charge(counter, '88.80')
  await administrator.keyboard.press('F3')
  await expect(administrator.getByTestId('payment-row').nth(8)).toBeVisible()
  await picture(administrator, 'list')
  await administrator.locator(`[data-testid=payment-row][data-order="${orderNo}"]`).getByRole('button').first().click()
  await expect(administrator.getByTestId('payment-details')).toBeVisible()
  await picture(administrator, 'details')
  await administrator.keyboard.press('Escape')
  await administrator.getByTestId('tab-totals').click()
  await expect(administrator.getByTestId('tile-paid')).toBeVisible()
  await picture(administrator, 'totals')
  await counter.keyboard.press('F4')
  await expect(counter.getByTestId('reverse-no')).toBeFocused()
  await hand(counter, orderNo)
  await expect(counter.getByTestId('reverse-original')).toBeVisible()
  await picture(counter, 'void')
  await counter.getByTestId('mode-refund').click()
  await counter.getByTestId('refund-amount').fill('30.00')
  await counter.getByTestId('refund-reason').fill('买多了')
  await counter.getByTestId('approver-account').fill('01')
  await picture(counter, 'refund')
  await counter.getByTestId('approver-password').fill('wrong')
  await counter.keyboard.press('Enter')
  await expect(counter.getByTestId('reverse-error')).toBeVisible()
  await picture(counter, 'refund-refused')
  await counter.keyboard.type(world.about.password)
  await counter.keyboard.press('Enter')
  await expect(counter.getByTestId('reverse-done')).toBeVisible()
  await picture(counter, 'refund-done')
  await counter.keyboard.press('F6')
  await counter.getByTestId('notice-row').last().click()
  await expect(counter.getByTestId('notice-body')).toBeVisible()
  await picture(counter, 'notices')
  const receipt = await counter.evaluate(async (no) => [...new Uint8Array(await (await fetch(`/api/v1/payments/${no}/receipt.png`)).arrayBuffer())], orderNo)
  writeFileSync(join(FOLDER, 'receipt.png'), Uint8Array.from(receipt))
})

test('the counter in English, in the dark, and at double size', async ({ counter }) => {
  await counter.getByTestId('language-en').click()
  await expect(counter.getByTestId('recent-row').first()).toBeVisible()
  await picture(counter, 'collect-english')
  await counter.getByTestId('language-zh-CN').click()
  await counter.emulateMedia({ colorScheme: 'dark' })
  await picture(counter, 'collect-dark')
  await counter.setViewportSize({ width: 640, height: 400 })
  await picture(counter, 'collect-zoomed')
})

test('headquarters', async ({ headquarters, counter, world, browser }) => {
  await expect(headquarters.getByTestId('store')).toHaveCount(2)
  await picture(headquarters, 'hq-stores')
  await headquarters.getByTestId('nav-payments').click()
  await expect(headquarters.getByTestId('payment-row').nth(8)).toBeVisible()
  await charge(counter, '12.30')
  await expect(headquarters.getByTestId('fresh')).toBeVisible()
  await picture(headquarters, 'hq-payments')
  await headquarters.getByTestId('nav-stats').click()
  await headquarters.getByTestId('stats-date').fill(new Date(Date.now() - YESTERDAY_IN_BEIJING_MS).toISOString().slice(0, 10))
  await expect(headquarters.getByTestId('tile-paid')).toBeVisible()
  await expect(headquarters.getByTestId('by-store')).toContainText('静安寺店')
  await headquarters.getByTestId('stats-date').blur()
  await picture(headquarters, 'hq-stats')
  await counter.keyboard.press('F6')
  await counter.getByTestId('notice-row').first().click()
  await expect(counter.getByTestId('notice-body')).toBeVisible()
  await headquarters.getByTestId('nav-notices').click()
  await expect(headquarters.locator('[data-testid=coverage-row][data-reads="1"]').first()).toBeAttached(SETTLED)
  await headquarters.getByTestId('coverage').first().click()
  await picture(headquarters, 'hq-notices')
  await world.hubStop()
  await expect(counter.getByTestId('sync')).toContainText('未连接总部', SETTLED)
  await counter.keyboard.press('F2')
  await charge(counter, '16.60')
  await expect(counter.getByTestId('sync')).toContainText('未上传', SETTLED)
  await picture(counter, 'offline-paid')
  const page = await (await browser.newContext()).newPage()
  await world.hubStart()
  await enter(page, world.hub, 'admin', world.about.password, '/stores')
  await page.context().close()
})
