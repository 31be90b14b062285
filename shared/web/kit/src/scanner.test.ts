import { describe, expect, it } from 'vitest'
import { halfWidth } from './normal'
import { BURST_LEAST, BurstDetector, type Verdict } from './scanner'

const CODE = '134567890123456789'

/** As a key map for Chinese gives the keys. */
const fullWidth = (text: string): string => text.replace(/[!-~]/g, (c) => String.fromCharCode(c.charCodeAt(0) + 0xfee0))

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

  it('takes keys that a key map made full-width', () => {
    const detector = new BurstDetector()
    const { at, verdicts } = type(detector, fullWidth(CODE), 10)
    expect(verdicts.filter((verdict) => verdict === 'pass')).toHaveLength(BURST_LEAST)
    expect(detector.key('Enter', at)).toBe('burst')
    expect(halfWidth(detector.take(at))).toBe(CODE)
  })

  it.each([']Q1', ']C1', ']e0', ']d2'])('takes a code behind the AIM identifier %s, from its first key on', (prefix) => {
    const detector = new BurstDetector()
    const { at, verdicts } = type(detector, prefix + CODE, 10)
    expect(verdicts.slice(prefix.length + BURST_LEAST)).not.toContain('pass')
    expect(detector.key('Enter', at)).toBe('burst')
    expect(detector.take(at)).toBe(prefix + CODE)
  })

  it.each([`fp${'a1'.repeat(16)}b`, `FP${'A1'.repeat(16)}B`, `]Q1FP${'A1'.repeat(16)}B`])('takes the face code %s', (code) => {
    const detector = new BurstDetector()
    const { at } = type(detector, code, 10)
    expect(detector.key('Enter', at)).toBe('burst')
  })

  it('is ended by Tab too, which then moves no focus', () => {
    const detector = new BurstDetector()
    const { at } = type(detector, CODE, 10)
    expect(detector.key('Tab', at)).toBe('burst')
    detector.take(at)
    expect(detector.key('Tab', at + 1_000)).toBe('pass')
  })

  it('catches goods codes, to refuse them in words', () => {
    const detector = new BurstDetector()
    const { at } = type(detector, '6901234567892', 10)
    expect(detector.key('Enter', at)).toBe('burst')
  })
})
