// Each result has its own word. What is not known yet is never shown as failed, and ends by itself.
import { charge, expect, gun, orderShown, paymentCode, result, SETTLED, test, type Page, type Payment } from '../counter.ts'

const word = (page: Page) => page.getByTestId('result-word')

test('支付中 becomes 成功 when the customer has confirmed', async ({ counter, world }) => {
  const orderNo = await charge(counter, '1.02')
  await expect(word(counter)).toHaveText('支付中')
  await expect(counter.getByTestId('result-say')).toHaveText('请顾客在手机上确认')
  await counter.keyboard.type('9')
  await expect(counter.getByTestId('must-wait')).toContainText('请先不要重新收款')
  await expect(word(counter)).toHaveText('成功', SETTLED)
  expect(await world.booked(orderNo)).toMatchObject({ state: 'paid', charges: 1 })
})

test('失败 comes with the acquirer’s reason', async ({ counter, world }) => {
  const orderNo = await charge(counter, '1.09')
  await expect(word(counter)).toHaveText('失败')
  await expect(counter.getByTestId('result-message')).toContainText('余额不足')
  await expect(counter.getByTestId('result-say')).toHaveText('没有收到钱，顾客未扣款')
  expect(await world.booked(orderNo)).toMatchObject({ state: 'failed', charges: 0 })
  await counter.keyboard.press('Alt+r')
  await expect(counter.getByTestId('code')).toBeFocused()
  await expect(counter.getByTestId('amount')).toHaveValue('1.09')
})

test('结果未知 becomes 成功 by itself and takes the money once', async ({ counter, world }) => {
  const orderNo = await charge(counter, '1.07')
  // One look: three seconds later the acquirer is asked, and it is 成功.
  await expect(counter.locator('[data-testid=result]:not(.bad)')).toContainText(/结果未知[\s\S]*请先不要重新收款/)
  await expect(word(counter)).toHaveText('成功', SETTLED)
  expect(await orderShown(counter)).toBe(orderNo)
  expect(await world.booked(orderNo)).toMatchObject({ state: 'paid', charges: 1 })
})

test('a new scan while a result is unknown is held back in words', async ({ counter, world }) => {
  const before = (await world.book()).length
  await charge(counter, '2.07')
  await expect(word(counter)).toHaveText('结果未知')
  await gun(counter, paymentCode())
  await expect(counter.getByTestId('must-wait')).toContainText('这一笔还没有结果')
  await expect(word(counter)).toHaveText('成功', SETTLED)
  expect(await world.book()).toHaveLength(before + 1)
})

test('未发出 when the acquirer cannot be reached', async ({ counter, world }) => {
  await world.line('refuse')
  const orderNo = await charge(counter, '1.30')
  await expect(word(counter)).toHaveText('未发出')
  await expect(counter.getByTestId('result-say')).toHaveText('没有发出，顾客未扣款，可改收现金')
  expect(await world.booked(orderNo)).toBeUndefined()
  expect(await world.atNode<Payment>(`/payments/${orderNo}`)).toMatchObject({ state: 'closed', reason: 'not_sent' })
  await world.line('up')
  await counter.keyboard.press('Alt+r')
  await gun(counter, paymentCode())
  await expect(word(counter)).toHaveText('成功')
})

test('a mute line is 结果未知; when it speaks again, 成功', async ({ counter, world }) => {
  test.setTimeout(120_000)
  await world.line('mute')
  const orderNo = await charge(counter, '1.31')
  await expect(word(counter)).toHaveText('结果未知', SETTLED)
  await world.line('up')
  await expect(word(counter)).toHaveText('成功', { timeout: 60_000 })
  expect(await world.booked(orderNo)).toMatchObject({ state: 'paid', charges: 1 })
})

test('the page loses the answer: the same request goes again and the money is taken once', async ({ counter, world }) => {
  const before = (await world.book()).length
  const keys: (string | null)[] = []
  let lost = 0
  await counter.route('**/api/v1/payments', async (route) => {
    if (route.request().method() !== 'POST') return route.fallback()
    keys.push(await route.request().headerValue('idempotency-key'))
    if (lost++ > 0) return route.fallback()
    // The node has done it; its answer dies on the way.
    await route.fetch()
    await route.abort('connectionreset')
  })
  await charge(counter, '1.32')
  await expect(word(counter)).toHaveText('成功')
  expect(keys).toHaveLength(2)
  expect(new Set(keys).size).toBe(1)
  const taken = (await world.book()).slice(before)
  expect(taken).toMatchObject([{ state: 'paid', charges: 1, amount_fen: 132 }])
})

test('with the event line down the result still comes', async ({ counter, world }) => {
  await counter.route('**/api/v1/events', (route) => route.abort())
  await counter.reload()
  const orderNo = await charge(counter, '2.02')
  await expect(word(counter)).toHaveText('支付中')
  await expect(word(counter)).toHaveText('成功', SETTLED)
  expect(await world.booked(orderNo)).toMatchObject({ charges: 1 })
})

test('a payment given up stays given up, whatever answer comes late', async ({ counter, world }) => {
  const orderNo = await charge(counter, '3.03')
  await expect(word(counter)).toHaveText('支付中')
  const cancel = counter.getByTestId('cancel')
  await expect(cancel).toBeVisible({ timeout: 30_000 })
  // The answer to the key, as old as it may get on its way.
  await counter.route('**/cancel', async (route) => {
    const before = await world.atNode<Payment>(`/payments/${orderNo}`)
    await route.fetch()
    await expect(result(counter)).toHaveAttribute('data-result', 'cancelled')
    await route.fulfill({ json: before })
  })
  await Promise.all([counter.waitForResponse('**/cancel'), counter.keyboard.press('Alt+x')])
  await expect(result(counter)).toHaveAttribute('data-result', 'cancelled')
  await expect(counter.getByTestId('recent-row').first()).toHaveAttribute('data-state', 'closed')
  await expect(word(counter)).toHaveText('已关闭')
  expect(await world.booked(orderNo)).toMatchObject({ state: 'closed', charges: 0 })
})
