import { expect, test, type Page, type Payment } from '../counter.ts'

const rows = (page: Page) => page.getByTestId('payment-row')

async function column(page: Page, name: string): Promise<(string | null)[]> {
  return rows(page).evaluateAll((all, attribute) => all.map((one) => one.getAttribute(attribute)), `data-${name}`)
}

test('stores are listed with their live state', async ({ headquarters, world }) => {
  await expect(headquarters.getByTestId('store')).toHaveCount(2)
  await expect(headquarters.getByTestId('tile-connected')).toContainText('2 / 2')
  for (const [store, name] of [['S001', '静安寺店'], ['S002', '徐家汇店']] as const) {
    const card = headquarters.locator(`[data-testid=store][data-store=${store}]`)
    await expect(card).toHaveAttribute('data-state', 'connected')
    await expect(card).toContainText(name)
    await expect(card.getByTestId('store-unsent')).toContainText('0 条')
  }
  const { items } = await world.atHub<{ items: { today: { income_fen: number; orders: number } }[] }>('/stores')
  const orders = items.reduce((sum, one) => sum + one.today.orders, 0)
  await expect(headquarters.getByTestId('tile-orders')).toContainText(String(orders))
})

test('payments come by the page; each page adds rows that were not there', async ({ headquarters }) => {
  await headquarters.goto(`${new URL(headquarters.url()).origin}/payments?day=7d`)
  await expect(rows(headquarters)).toHaveCount(50)
  const first = await column(headquarters, 'order')
  await headquarters.getByTestId('load-more').click()
  await expect(rows(headquarters)).toHaveCount(100)
  const both = await column(headquarters, 'order')
  expect(both.slice(0, 50)).toEqual(first)
  expect(new Set(both).size).toBe(100)
  const times = await rows(headquarters).locator('.when').allInnerTexts()
  expect(times).toHaveLength(100)
})

test('filters narrow the list, stand in the address, and can be cleared', async ({ headquarters, world }) => {
  await headquarters.getByTestId('nav-payments').click()
  await headquarters.getByTestId('filter-day').fill('7d')
  await headquarters.getByTestId('filter-apply').click()
  await expect(rows(headquarters)).toHaveCount(50)

  await headquarters.getByTestId('filter-store').selectOption('S002')
  await expect.poll(async () => new Set(await column(headquarters, 'store'))).toEqual(new Set(['S002']))
  await expect(headquarters).toHaveURL(/store=S002/)

  const { items } = await world.atHub<{ items: Payment[] }>('/payments?store=S002&state=declined&limit=200')
  await headquarters.getByTestId('filter-state').selectOption('declined')
  await expect.poll(async () => new Set(await column(headquarters, 'state'))).toEqual(new Set(items.length === 0 ? [] : ['declined']))

  await headquarters.getByTestId('filter-reset').click()
  await headquarters.getByTestId('filter-day').fill('7d')
  await headquarters.getByTestId('filter-kind').selectOption('refund')
  await expect.poll(async () => new Set(await column(headquarters, 'kind'))).toEqual(new Set(['refund']))

  const { items: some } = await world.atHub<{ items: Payment[] }>('/payments?store=S001&limit=1')
  await headquarters.getByTestId('filter-reset').click()
  // Soon after midnight the store's last payment is of the day before.
  await headquarters.getByTestId('filter-day').fill('7d')
  await headquarters.getByTestId('filter-q').fill(some[0]!.order_no)
  await headquarters.getByTestId('filter-apply').click()
  await expect(rows(headquarters)).toHaveCount(1)
  await expect(rows(headquarters)).toHaveAttribute('data-order', some[0]!.order_no)

  await headquarters.getByTestId('filter-q').fill('没有这样的交易')
  await headquarters.getByTestId('filter-apply').click()
  await expect(headquarters.getByText('没有符合条件的交易')).toBeVisible()
})

test('a date nobody understands is told so', async ({ headquarters }) => {
  await headquarters.getByTestId('nav-payments').click()
  await headquarters.getByTestId('filter-day').fill('下辈子')
  await headquarters.getByTestId('filter-apply').click()
  await expect(headquarters.getByRole('alert')).toContainText('看不懂这个日期')
})

test('a payment opens with everything known of it', async ({ headquarters }) => {
  await headquarters.goto(`${new URL(headquarters.url()).origin}/payments?day=7d&state=paid`)
  const first = rows(headquarters).first()
  const orderNo = await first.getAttribute('data-order')
  await first.getByRole('button').click()
  const details = headquarters.getByRole('dialog')
  await expect(details).toContainText('交易详情')
  await expect(details).toContainText(orderNo!)
  await expect(details).toContainText('收单单号')
  await headquarters.keyboard.press('Escape')
  await expect(details).toHaveCount(0)
})

test('the day’s figures at headquarters are the sum of the stores’', async ({ headquarters, world }) => {
  await headquarters.getByTestId('nav-stats').click()
  await expect(headquarters.getByTestId('stats-reporting')).toContainText('已上报 2/2 店')
  const all = await world.atHub<{ paid: { sum_fen: number }; by_store: { store: string; paid: { sum_fen: number } }[] }>('/stats')
  const node = await world.atNode<{ paid: { sum_fen: number } }>('/stats/day')
  expect(all.by_store.find((one) => one.store === 'S001')?.paid.sum_fen).toBe(node.paid.sum_fen)
  expect(all.by_store.reduce((sum, one) => sum + one.paid.sum_fen, 0)).toBe(all.paid.sum_fen)
  const shown = (all.paid.sum_fen / 100).toLocaleString('en-US', { minimumFractionDigits: 2 })
  await expect(headquarters.getByTestId('tile-paid')).toContainText(`￥${shown}`)
})
