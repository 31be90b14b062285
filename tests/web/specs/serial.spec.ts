// The scan box on the node's serial port. The page is given a token, never the code.
import { expect, orderShown, paymentCode, test } from '../counter.ts'

test.beforeEach(async ({ counter }) => {
  await expect(counter.getByTestId('device-scanner')).toContainText('就绪', { timeout: 20_000 })
  await expect(counter.getByTestId('amount')).toBeFocused()
})

test('amount typed, code shown to the box: charged at once', async ({ counter, world }) => {
  const code = paymentCode()
  await counter.keyboard.type('13.60')
  await world.scanBox(code)
  await expect(counter.getByTestId('result-word')).toHaveText('成功')
  const orderNo = await orderShown(counter)
  await expect(counter.getByTestId('result')).toContainText(`尾号 ${code.slice(-2)}`)
  expect(await counter.content()).not.toContain(code)
  expect(await world.booked(orderNo)).toMatchObject({ state: 'paid', charges: 1, amount_fen: 1360 })
})

test('code first, amount after', async ({ counter, world }) => {
  await world.scanBox(paymentCode())
  await expect(counter.getByTestId('got-code')).toHaveText('请输入金额，已收到付款码')
  await expect(counter.getByTestId('scan-token')).toContainText('微信支付')
  await expect(counter.getByTestId('amount')).toBeFocused()
  await counter.keyboard.type('7.70')
  await counter.keyboard.press('Enter')
  await expect(counter.getByTestId('result-word')).toHaveText('成功')
  expect(await world.booked(await orderShown(counter))).toMatchObject({ charges: 1, amount_fen: 770 })
})

test('a scan at one till does not reach the other', async ({ counter, world }) => {
  await counter.getByTestId('till').selectOption('T2')
  await counter.getByTestId('amount').fill('7.70')
  const before = (await world.book()).length
  await world.scanBox(paymentCode())
  // That nothing happens takes time to show; without it the scan would arrive at the till chosen next.
  await counter.waitForTimeout(1_500)
  await expect(counter.getByTestId('result')).toBeHidden()
  await counter.getByTestId('till').selectOption('T1')
  await world.scanBox(paymentCode())
  await expect(counter.getByTestId('result-word')).toHaveText('成功')
  expect(await world.book()).toHaveLength(before + 1)
})

test('goods held under the box are refused in words', async ({ counter, world }) => {
  const before = (await world.book()).length
  await counter.keyboard.type('7.70')
  await world.scanBox('6901234567892')
  await expect(counter.getByTestId('code-error')).toHaveText('这是商品条码，不是付款码')
  await expect(counter.getByTestId('amount')).toHaveValue('7.70')
  expect(await world.book()).toHaveLength(before)
  await world.scanBox(paymentCode())
  await expect(counter.getByTestId('result-word')).toHaveText('成功')
})
