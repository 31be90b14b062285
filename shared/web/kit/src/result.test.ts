import { describe, expect, it } from 'vitest'
import { isOpen, resultKey, RESULTS, signedFen, STATES, toneOf } from './result'
import { shared } from './words/shared'

describe('results', () => {
  it('has words in both languages for every result', () => {
    for (const words of [shared['zh-CN'].result, shared.en.result] as Record<string, { word: string; say: string }>[]) {
      for (const key of Object.keys(RESULTS)) {
        expect(words[key]?.word, key).toBeTruthy()
        expect(words[key]?.say, key).toBeTruthy()
      }
    }
  })

  it('never lets unknown look like failure', () => {
    expect(toneOf({ state: 'unknown' })).toBe('attention')
    expect(toneOf({ state: 'declined' })).toBe('bad')
    expect(shared['zh-CN'].result.unknown.word).toBe('结果未知')
  })

  it('tells the closings apart', () => {
    expect(resultKey({ state: 'closed', reason: 'not_sent' })).toBe('not_sent')
    expect(resultKey({ state: 'closed', reason: 'expired' })).toBe('expired')
    expect(resultKey({ state: 'closed', reason: 'something_new' })).toBe('closed')
    expect(resultKey({ state: 'paid', reason: 'not_sent' })).toBe('paid')
  })

  it('keeps asking while money may move', () => {
    expect(STATES.filter(isOpen)).toEqual(['pending', 'unknown', 'held', 'reversing', 'refunding'])
  })

  it('puts the minus on what goes back', () => {
    expect(signedFen({ kind: 'charge', amount_fen: 1 })).toBe(1)
    expect(signedFen({ kind: 'void', amount_fen: 1 })).toBe(-1)
    expect(signedFen({ kind: 'refund', amount_fen: 5 })).toBe(-5)
  })
})
