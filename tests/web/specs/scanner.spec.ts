import { expect, gun, hand, orderShown, paymentCode, test } from '../counter.ts'

test('a gun is heard wherever the focus is, and leaves no digits behind', async ({ counter, world }) => {
  await counter.getByTestId('amount').fill('6.60')
  await counter.getByTestId('remark').click()
  await hand(counter, 'abc')
  await gun(counter, paymentCode())
  await expect(counter.getByTestId('result-word')).toHaveText('成功')
  const orderNo = await orderShown(counter)
  expect(await world.atNode<{ remark?: string }>(`/payments/${orderNo}`)).toMatchObject({ remark: 'abc', amount_fen: 660 })
  expect(await world.booked(orderNo)).toMatchObject({ charges: 1 })
})

test('a gun on another screen brings the code to the amount', async ({ counter }) => {
  await counter.keyboard.press('F3')
  await expect(counter.getByTestId('payments')).toBeVisible()
  const code = paymentCode()
  await gun(counter, code)
  await expect(counter.getByTestId('got-code')).toHaveText('请输入金额，已收到付款码')
  await expect(counter.getByTestId('amount')).toBeFocused()
  await expect(counter.getByTestId('code')).toHaveValue(code)
  await counter.keyboard.type('5.50')
  await counter.keyboard.press('Enter')
  await expect(counter.getByTestId('result-word')).toHaveText('成功')
})

test('a goods code is refused in words and nothing is sent', async ({ counter, world }) => {
  const before = (await world.book()).length
  await counter.getByTestId('amount').fill('6.60')
  await gun(counter, '6901234567892')
  await expect(counter.getByTestId('code-error')).toHaveText('这是商品条码，不是付款码')
  await expect(counter.getByTestId('amount')).toHaveValue('6.60')
  expect(await world.book()).toHaveLength(before)
  // The right code straight after goes through without a mouse.
  await gun(counter, paymentCode())
  await expect(counter.getByTestId('result-word')).toHaveText('成功')
})

for (const [typed, words] of [
  ['', '请输入金额'],
  ['0', '金额要大于 0'],
  ['0.00', '金额要大于 0'],
  ['1.005', '最多两位小数，精确到分'],
  ['-3', '金额不能是负数'],
  ['500000.01', '一笔最多 500,000.00 元'],
  ['abc', '这不是金额，例如 12.50'],
  ['0,500', '这不是金额，例如 12.50'],
  ['12 50', '这不是金额，例如 12.50'],
  ['12、500', '这不是金额，例如 12.50'],
] as const) {
  test(`the amount “${typed}” is refused in words: ${words}`, async ({ counter, world }) => {
    const before = (await world.book()).length
    await expect(counter.getByTestId('amount')).toBeFocused()
    await hand(counter, typed)
    await counter.keyboard.press('Enter')
    await expect(counter.getByTestId('amount-error')).toHaveText(words)
    await expect(counter.getByTestId('amount')).toBeFocused()
    await expect(counter.getByTestId('amount')).toHaveAttribute('aria-invalid', 'true')
    expect(await world.book()).toHaveLength(before)
  })
}
