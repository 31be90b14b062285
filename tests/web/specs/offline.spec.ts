import { charge, enter, expect, test, type Payment } from '../counter.ts'

test('with headquarters away the counter sells on; afterwards each sale is there once', async ({ counter, browser, world }) => {
  test.setTimeout(120_000)
  const sync = counter.getByTestId('sync')
  await expect(sync).toHaveAttribute('data-hub', 'connected')
  await expect(sync).toHaveText('已连接总部')
  await expect(sync.locator('i')).toHaveClass(/\bon\b/)

  await world.hubStop()
  await expect(sync).toContainText(/未连接总部|正在连接总部/, { timeout: 20_000 })
  await expect(sync.locator('i')).toHaveClass(/\boff\b/)
  const orderNo = await charge(counter, '16.80')
  await expect(counter.getByTestId('result-word')).toHaveText('成功')
  expect(await world.booked(orderNo)).toMatchObject({ state: 'paid', charges: 1 })
  await expect(sync).toContainText(/[1-9]\d* 条记录未上传/)
  await expect(counter.getByTestId('amount')).toBeFocused()

  await world.hubStart()
  await expect(sync).toHaveText('已连接总部', { timeout: 40_000 })
  await expect(sync).toHaveAttribute('data-unsent', '0')
  const found = await world.atHub<{ items: Payment[] }>(`/payments?q=${orderNo}`)
  expect(found.items).toMatchObject([{ order_no: orderNo, state: 'paid', amount_fen: 1680, store: 'S001' }])

  const context = await browser.newContext()
  const headquarters = await context.newPage()
  await enter(headquarters, world.hub, 'admin', world.about.password, '/payments?store=S001')
  await expect(headquarters.locator(`[data-testid=payment-row][data-order="${orderNo}"]`)).toHaveCount(1)
  await context.close()
})

test('a store’s figures at headquarters move with each sale, without a reload', async ({ headquarters, counter, world }) => {
  const store = headquarters.locator('[data-testid=store][data-store=S001]')
  await expect(store).toHaveAttribute('data-state', 'connected')
  await expect(store.getByTestId('store-state')).toHaveText('在线')
  const orders = Number(await store.getByTestId('store-orders').innerText())
  const orderNo = await charge(counter, '6.30')
  await expect(store.getByTestId('store-orders')).toHaveText(String(orders + 1))
  const all = await world.atHub<{ items: Payment[] }>(`/payments?q=${orderNo}`)
  expect(all.items).toHaveLength(1)
})

test('a store that goes away is told from one that is there, and what is known of it stays', async ({ headquarters, world }) => {
  test.setTimeout(120_000)
  const store = headquarters.locator('[data-testid=store][data-store=S002]')
  await expect(store.getByTestId('store-state')).toHaveText('在线')
  const income = await store.getByTestId('store-income').innerText()
  await world.otherStoreStop()
  await expect(store.getByTestId('store-state')).toHaveText('离线', { timeout: 20_000 })
  await expect(store.getByTestId('store-income')).toHaveText(income)
  await expect(headquarters.getByTestId('tile-connected')).toContainText('1 / 2')
  await world.otherStoreStart()
  await expect(store.getByTestId('store-state')).toHaveText('在线', { timeout: 20_000 })
})
