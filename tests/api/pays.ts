// Charges, looks and gives back with the types that openapi-typescript made of a node's description.
//
// usage: pays.js URL KEY AMOUNT_FEN PAYMENT_CODE REFUND_FEN
import { randomUUID } from 'node:crypto'
import createClient from 'openapi-fetch'
import type { components, paths } from './node.js'

type Payment = components['schemas']['Payment']

const [url, key, amountFen, code, refundFen] = process.argv.slice(2) as [string, string, string, string, string]
const api = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${key}` } })

function show(what: string, answer: { data?: Payment; error?: unknown }): Payment {
  if (answer.data === undefined) throw new Error(`${what}: ${JSON.stringify(answer.error)}`)
  console.log(JSON.stringify({ what, ...answer.data }))
  return answer.data
}

const once = { header: { 'Idempotency-Key': randomUUID() } }
const body = { amount_fen: Number(amountFen), auth_code: code }
const paid = show('charge', await api.POST('/api/v1/payments', { params: once, body }))
if (paid.state !== 'paid') throw new Error(paid.state)
const again = show('again', await api.POST('/api/v1/payments', { params: once, body }))
if (again.order_no !== paid.order_no) throw new Error(`charged twice: ${again.order_no}`)
const path = { order_no: paid.order_no }
show('refund', await api.POST('/api/v1/payments/{order_no}/refunds', {
  params: { path, header: { 'Idempotency-Key': randomUUID() } }, body: { amount_fen: Number(refundFen) },
}))
show('query', await api.GET('/api/v1/payments/{order_no}', { params: { path } }))
const listed = await api.GET('/api/v1/payments', { params: { query: { limit: 1, kind: 'charge' } } })
if (listed.data?.items[0]?.order_no !== paid.order_no) throw new Error(JSON.stringify(listed))
const goods = await api.POST('/api/v1/payments', {
  params: { header: { 'Idempotency-Key': randomUUID() } }, body: { amount_fen: 1, auth_code: '6901234567892' },
})
if (goods.error?.code !== 'goods_code') throw new Error(JSON.stringify(goods))
