// Amounts are whole fen. Text is taken apart digit by digit; no float ever holds money.
import { halfWidth, trimmed } from './normal'

/** 500,000.00 yuan, the same bound as the node's. */
export const AMOUNT_MAX_FEN = 50_000_000

export type AmountFault = 'empty' | 'not_a_number' | 'negative' | 'decimals' | 'zero' | 'over_limit'
export type AmountRead = { ok: true; fen: number } | { ok: false; fault: AmountFault }

/** Full-width forms become half-width; 。 is the point as input methods give it. 、 and · are no signs of a number. */
function plain(text: string): string {
  return halfWidth(trimmed(text)).replace(/[。｡]/g, '.').replaceAll('￥', '¥').replaceAll('−', '-')
}

const NUMBER = /^(-?)(?:¥\p{White_Space}*)?(-?)(?:(0|[1-9]\d*|[1-9]\d{0,2}(?:,\d{3})+)?)(?:\.(\d*))?(?:\p{White_Space}*[元¥])?$/u

/** An amount in yuan as people write it: the twin of core's `read_yuan`. A comma is right only where every group behind one has
 *  three digits, and nothing is guessed: `0,500`, `1,23`, `12 50` and `012` may be slips of 0.500, 1.23, 12.50 and 0.12. */
export function readAmount(text: string, mostFen: number = AMOUNT_MAX_FEN): AmountRead {
  const rest = plain(text)
  if (rest === '') return { ok: false, fault: 'empty' }
  const [, before, after, grouped = '', part = ''] = NUMBER.exec(rest) ?? []
  if (before === undefined || (before !== '' && after !== '') || (grouped === '' && part === '')) return { ok: false, fault: 'not_a_number' }
  if (before !== '' || after !== '') return { ok: false, fault: 'negative' }
  if (part.length > 2) return { ok: false, fault: 'decimals' }
  const fen = BigInt(`${grouped.replaceAll(',', '')}${part.padEnd(2, '0')}`)
  if (fen === 0n) return { ok: false, fault: 'zero' }
  if (fen > BigInt(mostFen)) return { ok: false, fault: 'over_limit' }
  return { ok: true, fen: Number(fen) }
}

/** 123450 -> 1,234.50; also above 2^53 when given as BigInt. */
export function yuan(fen: number | bigint): string {
  const whole = BigInt(fen)
  const size = whole < 0n ? -whole : whole
  const grouped = (size / 100n).toString().replace(/\B(?=(\d{3})+$)/g, ',')
  return `${whole < 0n ? '−' : ''}${grouped}.${(size % 100n).toString().padStart(2, '0')}`
}

/** ￥1,234.50, with the minus in front of the sign. */
export function money(fen: number | bigint): string {
  const text = yuan(fen)
  return text.startsWith('−') ? `−￥${text.slice(1)}` : `￥${text}`
}

/** What an amount field is filled with: 1234.50, no grouping. */
export function plainYuan(fen: number): string {
  return yuan(fen).replaceAll(',', '')
}
