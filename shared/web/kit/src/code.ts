// What a scan is: the twin of core's `PaymentCode::parse` and `OrderNo::parse`.
import { bare } from './normal'

export type CodeFault = 'order_no' | 'empty' | 'goods_code' | 'link' | 'not_digits' | 'length'
export type Classified = { kind: 'payment_code'; code: string } | { kind: CodeFault }

/** Days since 2000-01-01 that an order number may begin with. */
const ORDER_DAY_MAX = 24_999

/** Day 5, issuer 6, second 5, sequence 2; and ISO 7064 mod 97-10: the whole leaves 1. */
export function isOrderNo(text: string): boolean {
  const parts = /^(\d{5})(\d{6})\d{9}$/.exec(text)
  if (parts === null) return false
  const day = Number(parts[1])
  return day >= 1 && day <= ORDER_DAY_MAX && Number(parts[2]) > 0 && BigInt(text) % 97n === 1n
}

/** Of a face code the head is `fp`; where it is `FP` and nothing is in lower case, caps lock has raised the rest with it. */
function faceCode(text: string): string {
  return /^FP[^a-z]*$/.test(text) ? text.toLowerCase() : `fp${text.slice(2)}`
}

/** What was scanned or typed. */
export function classify(scanned: string): Classified {
  const text = bare(scanned)
  if (text === '') return { kind: 'empty' }
  if (/^fp[0-9a-z]{33}$/i.test(text)) return { kind: 'payment_code', code: faceCode(text) }
  if (text.includes('://')) return { kind: 'link' }
  if (!/^\d+$/.test(text)) return { kind: 'not_digits' }
  if (text.length === 8 || (text.length >= 12 && text.length <= 14)) return { kind: 'goods_code' }
  if (text.length < 16 || text.length > 24) return { kind: 'length' }
  return isOrderNo(text) ? { kind: 'order_no' } : { kind: 'payment_code', code: text }
}
