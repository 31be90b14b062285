// The day's list and totals, and money going back with an administrator's word.
import { charge, expect, hand, test, type Locator, type Page, type Payment } from '../counter.ts'

const row = (page: Page, orderNo: string): Locator => page.locator(`[data-testid=payment-row][data-order="${orderNo}"]`)

/** Reads a tile as fen: its figure and its number of orders. */
async function tile(page: Page, name: string): Promise<{ fen: number; orders: number }> {
  const text = await page.getByTestId(`tile-${name}`).innerText()
  const sum = /(−?)￥([\d,]+)\.(\d{2})/.exec(text)
  const orders = /(\d+) 笔/.exec(text)
  if (sum === null) throw new Error(`no sum in ${text}`)
  const fen = Number(sum[2]!.replaceAll(',', '')) * 100 + Number(sum[3])
  return { fen: sum[1] === '' ? fen : -fen, orders: Number(orders?.[1] ?? 0) }
}

async function openTotals(page: Page): Promise<void> {
  await page.keyboard.press('F3')
  await page.getByTestId('tab-totals').click()
  await expect(page.getByTestId('tile-paid')).toBeVisible()
}

/** The password in the last field, and Enter. */
async function approve(page: Page, account: string, password: string): Promise<void> {
  await page.keyboard.type(account)
  await page.keyboard.press('Tab')
  await expect(page.getByTestId('approver-password')).toBeFocused()
  await page.keyboard.type(password)
  await page.keyboard.press('Enter')
}

test('today’s list has the sale, and the totals move by it', async ({ counter }) => {
  await openTotals(counter)
  const before = await tile(counter, 'paid')
  const netBefore = await tile(counter, 'net')
  await counter.keyboard.press('F2')
  const orderNo = await charge(counter, '18.80')
  await counter.keyboard.press('F3')
  await expect(row(counter, orderNo)).toContainText('￥18.80')
  await expect(row(counter, orderNo)).toContainText('成功')
  await counter.getByTestId('tab-totals').click()
  await expect.poll(() => tile(counter, 'paid')).toEqual({ fen: before.fen + 1880, orders: before.orders + 1 })
  expect((await tile(counter, 'net')).fen).toBe(netBefore.fen + 1880)
})

test('a void by keyboard: a wrong approver is told in words, the right one gives all of it back', async ({ counter, world }) => {
  const orderNo = await charge(counter, '20.50')
  await openTotals(counter)
  const before = { voided: await tile(counter, 'voided'), net: await tile(counter, 'net') }

  await counter.keyboard.press('F4')
  await expect(counter.getByTestId('reverse-no')).toBeFocused()
  await hand(counter, orderNo)
  await expect(counter.getByTestId('reverse-original')).toContainText('￥20.50')
  await expect(counter.getByTestId('mode-void')).toHaveAttribute('aria-pressed', 'true')
  await expect(counter.getByTestId('approver-account')).toBeFocused()
  await approve(counter, '01', 'not-the-password')
  await expect(counter.getByTestId('reverse-error')).toContainText('密码不对')
  expect(await world.booked(orderNo)).toMatchObject({ state: 'paid' })

  await expect(counter.getByTestId('approver-password')).toBeFocused()
  await expect(counter.getByTestId('approver-password')).toHaveValue('')
  await counter.keyboard.type(world.about.password)
  await counter.keyboard.press('Enter')
  await expect(counter.getByTestId('reverse-done')).toContainText('已撤销')
  expect(await world.booked(orderNo)).toMatchObject({ state: 'reversed', charges: 1 })

  await counter.keyboard.press('F3')
  await expect(row(counter, orderNo)).toHaveAttribute('data-state', 'reversed')
  await expect(row(counter, orderNo).getByTestId('void')).toHaveAttribute('aria-disabled', 'true')
  const minus = counter.locator('[data-testid=payment-row][data-kind=void]').first()
  await expect(minus).toContainText('−￥20.50')
  await counter.getByTestId('tab-totals').click()
  await expect.poll(() => tile(counter, 'voided')).toEqual({ fen: before.voided.fen - 2050, orders: before.voided.orders + 1 })
  expect((await tile(counter, 'net')).fen).toBe(before.net.fen - 2050)
})

test('a refund by keyboard from the list: a part, then never more than what is left', async ({ counter, world }) => {
  const orderNo = await charge(counter, '30.00')
  await openTotals(counter)
  const before = await tile(counter, 'refunded')

  await counter.getByTestId('tab-list').click()
  await row(counter, orderNo).getByTestId('refund').focus()
  await counter.keyboard.press('Enter')
  await expect(counter.getByTestId('refund-amount')).toBeFocused()
  await expect(counter.getByTestId('refund-amount')).toHaveValue('30.00')
  await counter.getByTestId('refund-amount').selectText()
  await counter.keyboard.type('10.30')
  await counter.keyboard.press('Tab')
  await counter.keyboard.type('买多了')
  await counter.keyboard.press('Tab')
  await approve(counter, '01', world.about.password)
  await expect(counter.getByTestId('reverse-done')).toContainText('部分退款')
  await expect(counter.getByTestId('reverse-remaining')).toHaveText('￥19.70')
  expect(await world.booked(orderNo)).toMatchObject({ state: 'part_refunded', refunded_fen: 1030 })

  await counter.keyboard.press('F3')
  await expect(counter.locator('[data-testid=payment-row][data-kind=refund]').first()).toContainText('−￥10.30')
  await counter.getByTestId('tab-totals').click()
  await expect.poll(() => tile(counter, 'refunded')).toEqual({ fen: before.fen - 1030, orders: before.orders + 1 })

  await counter.keyboard.press('F4')
  await expect(counter.getByTestId('reverse-no')).toBeFocused()
  await hand(counter, orderNo)
  await expect(counter.getByTestId('refund-amount')).toHaveValue('19.70')
  await counter.getByTestId('refund-amount').fill('19.71')
  await counter.getByTestId('approver-account').focus()
  await approve(counter, '01', world.about.password)
  await expect(counter.getByTestId('refund-amount-error')).toContainText('超过可退金额 ￥19.70')
  expect(await world.booked(orderNo)).toMatchObject({ refunded_fen: 1030 })
})

test('a cashier’s own password does not give money back', async ({ counter, world }) => {
  const orderNo = await charge(counter, '9.90')
  await counter.keyboard.press('F4')
  await expect(counter.getByTestId('reverse-no')).toBeFocused()
  await hand(counter, orderNo)
  await expect(counter.getByTestId('approver-account')).toBeFocused()
  await approve(counter, '03', world.about.password)
  await expect(counter.getByTestId('reverse-error')).toBeVisible()
  await expect(counter.getByTestId('reverse-error')).toContainText(/\p{Script=Han}/u)
  expect(await world.booked(orderNo)).toMatchObject({ state: 'paid', refunded_fen: 0 })
})

test('an order number that cannot be one is told at once', async ({ counter }) => {
  await counter.keyboard.press('F4')
  await expect(counter.getByTestId('reverse-no')).toBeFocused()
  await hand(counter, '2611221000')
  await counter.keyboard.press('Enter')
  await expect(counter.getByTestId('reverse-no-error')).toHaveText('交易单号是 20 位数字，最后两位是校验')
})

test('the receipt of a payment is a picture, and prints again', async ({ counter }) => {
  const orderNo = await charge(counter, '11.30')
  await counter.keyboard.press('F3')
  await row(counter, orderNo).getByTestId('print').click()
  await expect(counter.getByTestId('query-said')).toContainText('已送打印')
  const picture = await counter.evaluate(async (no) => {
    const answer = await fetch(`/api/v1/payments/${no}/receipt.png`)
    return { type: answer.headers.get('content-type'), bytes: (await answer.arrayBuffer()).byteLength }
  }, orderNo)
  expect(picture.type).toBe('image/png')
  expect(picture.bytes).toBeGreaterThan(1_000)
})

test('cashiers see their own payments, the administrator all', async ({ counter, administrator, world }) => {
  const { items } = await world.atNode<{ items: Payment[] }>('/payments?limit=200')
  const others = items.filter((one) => one.cashier !== '03')
  expect(others.length).toBeGreaterThan(0)
  await charge(counter, '5.20')
  for (const page of [counter, administrator]) {
    await page.keyboard.press('F3')
    await page.getByTestId('filter-day').fill('7d')
    await page.getByTestId('filter-apply').click()
    await expect(page.getByTestId('payment-row').nth(40)).toBeVisible()
  }
  const cashiers = (page: Page) => page.getByTestId('payment-row').locator('td:nth-child(6)').allInnerTexts()
  expect(new Set(await cashiers(counter))).toEqual(new Set(['03']))
  expect(new Set(await cashiers(administrator)).size).toBeGreaterThan(1)
})
