import { describe, expect, it } from 'vitest'
import { BurstDetector, classify, isOrderNo, type Verdict } from './scanner'

const CODE = '134567890123456789'

function type(detector: BurstDetector, text: string, gap: number, from = 1_000): { at: number; verdicts: Verdict[] } {
  let at = from
  const verdicts: Verdict[] = []
  for (const key of text) {
    verdicts.push(detector.key(key, at))
    at += gap
  }
  return { at, verdicts }
}

describe('BurstDetector', () => {
  it.each([7, 10, 20, 29])('takes 18 digits %i ms apart, ended by Enter', (gap) => {
    const detector = new BurstDetector()
    const { at } = type(detector, CODE, gap)
    expect(detector.key('Enter', at)).toBe('burst')
    expect(detector.take(at)).toBe(CODE)
  })

  it('takes them after silence without Enter', () => {
    const detector = new BurstDetector()
    type(detector, CODE, 10)
    expect(detector.silent()).toBe(true)
  })

  it('leaves a fast hand alone', () => {
    const detector = new BurstDetector()
    const { at, verdicts } = type(detector, CODE, 40)
    expect(new Set(verdicts)).toEqual(new Set(['pass']))
    expect(detector.key('Enter', at)).toBe('pass')
  })

  it.each(['12.50', '500000.01', '123456', 'headquarters2026'])('leaves %s alone however fast', (text) => {
    const detector = new BurstDetector()
    const { at, verdicts } = type(detector, text, 1)
    expect(new Set(verdicts)).toEqual(new Set(['pass']))
    expect(detector.key('Enter', at)).toBe('pass')
  })

  it('does not join a typed amount with the code behind it', () => {
    const detector = new BurstDetector()
    const { at } = type(detector, '125', 90)
    const end = type(detector, CODE, 10, at + 200).at
    expect(detector.key('Enter', end)).toBe('burst')
    expect(detector.take(end)).toBe(CODE)
  })

  it('bears a stretched gap in the middle, not at the start', () => {
    const detector = new BurstDetector()
    const { at } = type(detector, CODE.slice(0, 8), 10)
    const end = type(detector, CODE.slice(8), 10, at + 55).at
    expect(detector.key('Enter', end)).toBe('burst')
    expect(detector.take(end)).toBe(CODE)
    type(detector, '13', 10, end + 1_000)
    type(detector, CODE, 10, end + 1_060)
    expect(detector.take(end + 2_000)).toBe(CODE)
  })

  it('swallows the second Enter of a CR LF gun', () => {
    const detector = new BurstDetector()
    const { at } = type(detector, CODE, 10)
    detector.key('Enter', at)
    detector.take(at)
    expect(detector.key('Enter', at + 5)).toBe('swallow')
    expect(detector.key('Enter', at + 400)).toBe('pass')
    detector.take(at + 1_000)
    detector.key('5', at + 1_100)
    expect(detector.key('Enter', at + 1_200)).toBe('pass')
  })

  it('catches goods codes, to refuse them in words', () => {
    const detector = new BurstDetector()
    const { at } = type(detector, '6901234567892', 10)
    expect(detector.key('Enter', at)).toBe('burst')
  })
})

describe('classify', () => {
  it.each([
    ['130000000000000001', 'payment_code'], [' 281234567890123456\r', 'payment_code'], ['0112345678901234567', 'payment_code'],
    [`fp${'a1'.repeat(16)}b`, 'payment_code'], ['6901234567892', 'goods_code'], ['69012345', 'goods_code'],
    ['https://qr.example/1', 'link'], ['wxp', 'not_digits'], ['123456', 'length'], ['', 'empty'], ['1'.repeat(25), 'length'],
  ])('%s is %s', (text, kind) => expect(classify(text).kind).toBe(kind))

  it('takes a wallet code of 20 digits that happens to pass the check digits', () => {
    const body = '281999123456789012'
    const code = body + (98n - (BigInt(body) * 100n) % 97n).toString().padStart(2, '0')
    expect(classify(code).kind).toBe('payment_code')
  })

  it('tells an order number by its check digits', () => {
    const body = '095010100074321009'
    const check = 98n - (BigInt(body) * 100n) % 97n
    const no = body + check.toString().padStart(2, '0')
    expect(isOrderNo(no)).toBe(true)
    expect(classify(no).kind).toBe('order_no')
    expect(isOrderNo(`${body}${((check + 1n) % 100n).toString().padStart(2, '0')}`)).toBe(false)
  })
})
