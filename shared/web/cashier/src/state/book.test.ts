import type { Payment } from '@guitai/api'
import { describe, expect, it } from 'vitest'
import { newer, newKey, upsert } from './book'

const row = (order_no: string, fact: string, created_at = `2026-01-05T00:00:0${order_no}.000Z`): Payment =>
  ({ order_no, fact, created_at, state: 'paid' }) as Payment

describe('book', () => {
  it('never goes back to an older fact', () => {
    expect(newer(row('1', '1-9'), row('1', '1-10')).fact).toBe('1-10')
    expect(newer(row('1', '1-10'), row('1', '1-9')).fact).toBe('1-10')
    expect(newer(row('1', '1-10'), row('1', '2-1')).fact).toBe('2-1')
    expect(newer(row('1', '1-10'), row('2', '1-1')).order_no).toBe('2')
  })

  it('never waits again for what has a result', () => {
    const as = (state: Payment['state']): Payment => ({ ...row('1', '1-9'), state })
    expect(newer(as('closed'), as('pending')).state).toBe('closed')
    expect(newer(as('paid'), as('unknown')).state).toBe('paid')
    expect(newer(as('reversing'), as('held')).state).toBe('reversing')
    expect(newer(as('unknown'), as('pending')).state).toBe('pending')
    expect(newer(as('paid'), as('reversing')).state).toBe('reversing')
  })

  it('keeps rows newest first, each once', () => {
    let rows: Payment[] = []
    for (const no of ['2', '1', '4', '3', '4']) rows = upsert(rows, row(no, '1-1'))
    expect(rows.map((one) => one.order_no)).toEqual(['4', '3', '2', '1'])
    expect(upsert(rows, row('9', '1-1'), false)).toBe(rows)
  })

  it('makes keys of 8 to 64 visible characters, each another', () => {
    expect(newKey()).toMatch(/^[!-~]{8,64}$/)
    expect(newKey()).not.toBe(newKey())
  })
})
