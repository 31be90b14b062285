import { describe, expect, it } from 'vitest'
import { classify, isOrderNo } from './code'

function whole(body: string): string {
  return body + (98n - (BigInt(body) * 100n) % 97n).toString().padStart(2, '0')
}

describe('isOrderNo', () => {
  it('sees every wrong digit', () => {
    const no = whole('098250012343667200')
    expect(isOrderNo(no)).toBe(true)
    for (let place = 0; place < no.length; place += 1) {
      const other = (Number(no[place]) + 1) % 10
      expect(isOrderNo(no.slice(0, place) + other + no.slice(place + 1))).toBe(false)
    }
  })

  it.each([['000000012343667200', 'day 0'], ['250000012343667200', 'a day past the last'], ['098250000003667200', 'issuer 0']])(
    '%s has right check digits and is a wallet’s all the same: %s', (body) => {
      expect(isOrderNo(whole(body))).toBe(false)
      expect(classify(whole(body)).kind).toBe('payment_code')
    })
})
