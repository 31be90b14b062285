import { expect, gun, paymentCode, test } from '../counter.ts'

// Before: 500.00, 1,250.00 and 12,500.00 were charged.
const NO_AMOUNTS = ['0,500', '12 50', '12、500', '1,25', '1.2.3', '12。50。', '12,5', '-5', '1e3', '0x10']

test('m03: what is no amount charges nothing and is said so', async ({ counter, world }) => {
  const before = (await world.book()).length
  for (const typed of NO_AMOUNTS) {
    await counter.keyboard.press('F2')
    await expect(counter.getByTestId('amount')).toBeFocused()
    await counter.getByTestId('amount').fill(typed)
    await counter.keyboard.press('Enter')
    await expect(counter.getByTestId('amount-error'), typed).toBeVisible()
    await gun(counter, paymentCode())
    await expect(counter.getByTestId('amount-error'), `${typed}, and a code`).toBeVisible()
    await expect(counter.getByTestId('result-word'), typed).toHaveCount(0)
    await counter.reload()
  }
  expect(await world.book()).toHaveLength(before)
})

test('m03: what people do write for an amount is understood', async ({ counter, world }) => {
  for (const [typed, fen] of [['1,250.00', 125_000], ['１２．５０', 1_250], ['￥12.5', 1_250]] as const) {
    const before = (await world.book()).length
    await expect(counter.getByTestId('amount')).toBeFocused()
    await counter.getByTestId('amount').fill(typed)
    await counter.keyboard.press('Enter')
    await gun(counter, paymentCode())
    await expect(counter.getByTestId('result-word'), typed).toHaveText('成功')
    const book = await world.book()
    expect(book).toHaveLength(before + 1)
    expect(book.at(-1), typed).toMatchObject({ amount_fen: fen, charges: 1 })
    await counter.keyboard.press('F2')
  }
})
