import { expect, it } from 'vitest'
import { address, api } from './client'

it('fills a described path in, each name as one segment', () => {
  expect(address('/api/v1/payments/{order_no}/cancel', { order_no: '1/2?#' }, undefined)).toBe('/api/v1/payments/1%2F2%3F%23/cancel')
  expect(api.receiptPicture('26010501234366720042')).toBe('/api/v1/payments/26010501234366720042/receipt.png')
})

it('leaves out what a filter does not say', () => {
  const query = { state: '', q: '王 1', limit: 50, cursor: undefined, store: null }
  expect(address('/api/v1/payments', undefined, query)).toBe('/api/v1/payments?q=%E7%8E%8B+1&limit=50')
  expect(address('/api/v1/sync', undefined, { state: '' })).toBe('/api/v1/sync')
})
