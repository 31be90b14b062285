import { charge, expect, gun, hand, orderShown, paymentCode, result, test, type Payment } from '../counter.ts'

test('a whole sale by keyboard: amount, Enter, scan, 成功, and an empty amount again', async ({ counter, world }) => {
  const before = (await world.book()).length
  await expect(counter.getByTestId('amount')).toBeFocused()
  await counter.keyboard.type('12.50')
  await counter.keyboard.press('Enter')
  await expect(counter.getByTestId('code')).toBeFocused()
  await gun(counter, paymentCode())
  await expect(counter.getByTestId('result-word')).toHaveText('成功')
  await expect(counter.getByTestId('result-amount')).toHaveText('￥12.50')
  const orderNo = await orderShown(counter)
  const seen = Date.now()

  const row = counter.getByTestId('recent-row').first()
  await expect(row).toHaveAttribute('data-order', orderNo)
  await expect(row).toContainText('￥12.50')
  await expect(row).toContainText('成功')

  await expect(counter.getByTestId('amount')).toBeFocused()
  await expect(counter.getByTestId('amount')).toHaveValue('')
  const shownMs = Date.now() - seen
  expect(shownMs).toBeGreaterThan(2_000)
  expect(shownMs).toBeLessThan(5_000)

  expect(await world.booked(orderNo)).toMatchObject({ state: 'paid', charges: 1, amount_fen: 1250 })
  expect(await world.book()).toHaveLength(before + 1)
})

test('Enter pressed twice takes the money once', async ({ counter, world }) => {
  const before = (await world.book()).length
  await expect(counter.getByTestId('amount')).toBeFocused()
  await counter.keyboard.type('3.30')
  await counter.keyboard.press('Enter')
  await hand(counter, paymentCode())
  await Promise.all([counter.keyboard.press('Enter'), counter.keyboard.press('Enter')])
  await expect(counter.getByTestId('result-word')).toHaveText('成功')
  const orderNo = await orderShown(counter)
  expect(await world.booked(orderNo)).toMatchObject({ state: 'paid', charges: 1 })
  expect(await world.book()).toHaveLength(before + 1)
})

test('a code scanned twice in a row charges once', async ({ counter, world }) => {
  const before = (await world.book()).length
  const code = paymentCode()
  await expect(counter.getByTestId('amount')).toBeFocused()
  await counter.keyboard.type('4.40')
  await counter.keyboard.press('Enter')
  await gun(counter, code)
  await gun(counter, code)
  await expect(counter.getByTestId('amount')).toBeVisible()
  expect((await world.book()).slice(before).filter((one) => one.state === 'paid')).toMatchObject([{ charges: 1, amount_fen: 440 }])
})

test('the sale appears at headquarters by itself', async ({ counter, headquarters, world }) => {
  await headquarters.getByTestId('nav-payments').click()
  await expect(headquarters.getByTestId('live')).toHaveAttribute('data-line', 'open')
  await headquarters.getByTestId('filter-store').selectOption('S001')
  await expect(headquarters.getByTestId('payment-row').first()).toBeVisible()
  await headquarters.evaluate(() => { document.title = 'never reloaded' })

  const orderNo = await charge(counter, '25.60')
  await expect(headquarters.getByTestId('fresh')).toContainText('有 1 笔新交易')
  await headquarters.getByTestId('fresh').click()
  const row = headquarters.locator(`[data-testid=payment-row][data-order="${orderNo}"]`)
  await expect(row).toHaveCount(1)
  await expect(row).toContainText('￥25.60')
  await expect(row).toContainText('静安寺店')
  await expect(row).toHaveAttribute('data-state', 'paid')
  expect(await headquarters.title()).toBe('never reloaded')
  expect(await world.atHub<Payment>(`/payments/${orderNo}`)).toMatchObject({ state: 'paid', amount_fen: 2560, store: 'S001' })
})

test('a digit typed over a result begins the next bill', async ({ counter }) => {
  await charge(counter, '8.09')
  await expect(counter.getByTestId('result-word')).toHaveText('失败')
  await counter.keyboard.type('7')
  await expect(counter.getByTestId('amount')).toHaveValue('7')
  await expect(result(counter)).toHaveCount(0)
})

test('F2 begins anew: nothing half typed is left to be charged', async ({ counter }) => {
  await counter.getByTestId('amount').fill('36.80')
  await gun(counter, '6901234567892')
  await expect(counter.getByTestId('code-error')).toBeVisible()
  await counter.keyboard.press('F2')
  await expect(counter.getByTestId('amount')).toBeFocused()
  await expect(counter.getByTestId('amount')).toHaveValue('')
  await expect(counter.getByTestId('code')).toHaveValue('')
  await expect(counter.getByTestId('code-error')).toHaveCount(0)
})
