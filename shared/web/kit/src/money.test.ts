import { describe, expect, it } from 'vitest'
import { money, plainYuan, readAmount, yuan } from './money'

describe('readAmount', () => {
  it.each([
    ['12.5', 1250], ['12。5', 1250], ['12,5', 1250], ['１２．５０', 1250], ['１２，５', 1250], ['0.01', 1], ['.5', 50],
    ['7.', 700], [' 1,234.50 ', 123450], ['￥88', 8800], ['500000', 50_000_000], ['500,000.00', 50_000_000], ['0012', 1200],
    ['1,234', 123400],
  ])('%s is %i fen', (text, fen) => expect(readAmount(text)).toEqual({ ok: true, fen }))

  it.each([
    ['', 'empty'], ['  ', 'empty'], ['abc', 'not_a_number'], ['.', 'not_a_number'], ['1.2.3', 'not_a_number'],
    ['1e3', 'not_a_number'], ['1,23,4', 'not_a_number'], ['-1', 'negative'], ['－1', 'negative'], ['0', 'zero'], ['0.00', 'zero'],
    ['0.001', 'decimals'], ['12.345', 'decimals'], ['500000.01', 'over_limit'], ['99999999999999999999', 'over_limit'],
  ])('%s is refused: %s', (text, fault) => expect(readAmount(text)).toEqual({ ok: false, fault }))

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
