import { describe, expect, it } from 'vitest'
import { money, plainYuan, readAmount, yuan } from './money'

// What is an amount and what is not stands in the shared cases.
describe('readAmount', () => {
  it('takes a smaller bound for refunds', () => {
    expect(readAmount('10.01', 1000)).toEqual({ ok: false, fault: 'over_limit' })
    expect(readAmount('10.00', 1000)).toEqual({ ok: true, fen: 1000 })
  })
})

describe('shown amounts', () => {
  it.each([
    [0, '￥0.00'], [1, '￥0.01'], [123450, '￥1,234.50'], [50_000_000, '￥500,000.00'], [-1, '−￥0.01'], [100_000, '￥1,000.00'],
  ])('%i fen reads %s', (fen, text) => expect(money(fen)).toBe(text))

  it('stays exact past 2^53', () => expect(yuan(900_719_925_474_099_312_345n)).toBe('9,007,199,254,740,993,123.45'))
  it('fills fields without groups', () => expect(plainYuan(123450)).toBe('1234.50'))
})
