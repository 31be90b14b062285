import { describe, expect, it } from 'vitest'
import { clock, day, instants, readRange } from './time'

const NOW = Date.parse('2026-01-05T16:30:00.000Z') // 00:30 on the 6th in the shop

describe('shop time', () => {
  it('is Beijing time', () => {
    expect(day(NOW)).toBe('2026-01-06')
    expect(clock(NOW)).toBe('00:30:00')
  })

  it.each([
    ['', '2026-01-06', '2026-01-06'], ['今天', '2026-01-06', '2026-01-06'], ['昨天', '2026-01-05', '2026-01-05'],
    ['7d', '2025-12-31', '2026-01-06'], ['3天', '2026-01-04', '2026-01-06'], ['2026-01-02', '2026-01-02', '2026-01-02'],
    ['2026-01-01..2026-01-03', '2026-01-01', '2026-01-03'],
  ])('%s is %s to %s', (text, from, to) => expect(readRange(text, day(NOW))).toEqual({ from, to }))

  it.each(['soon', '2026-02-30', '2026-01-03..2026-01-01', '0d', '1..2..3'])('%s is not understood', (text) =>
    expect(readRange(text, day(NOW))).toBeNull())

  it('asks for whole days', () =>
    expect(instants({ from: '2026-01-05', to: '2026-01-06' })).toEqual({ from: '2026-01-04T16:00:00.000Z', to: '2026-01-06T16:00:00.000Z' }))
})
