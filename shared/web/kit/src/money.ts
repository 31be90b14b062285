// Amounts are whole fen. Text is taken apart digit by digit; no float ever holds money.

/** 500,000.00 yuan, the same bound as the node's. */
export const AMOUNT_MAX_FEN = 50_000_000

export type AmountFault = 'empty' | 'not_a_number' | 'negative' | 'decimals' | 'zero' | 'over_limit'
export type AmountRead = { ok: true; fen: number } | { ok: false; fault: AmountFault }

/** Full-width digits and signs, the Chinese full stop, and both decimal signs become plain ASCII. */
function plain(text: string): string {
  return text
    .replace(/[０-９]/g, (digit) => String.fromCharCode(digit.charCodeAt(0) - 0xfee0))
    .replace(/[。．｡·]/g, '.')
    .replace(/[，、]/g, ',')
    .replace(/[－−—–]/g, '-')
    .replace(/[￥¥元\s\u3000]/g, '')
}

/** A comma is a thousands mark only where all of them stand so (1,234.50); else it is the decimal sign (12,5). */
function withoutGroups(text: string): string {
  if (/^\d{1,3}(,\d{3})+(\.\d*)?$/.test(text)) return text.replaceAll(',', '')
  return text.replace(',', '.')
}

export function readAmount(text: string, mostFen: number = AMOUNT_MAX_FEN): AmountRead {
  let rest = plain(text)
  if (rest === '') return { ok: false, fault: 'empty' }
  const negative = rest.startsWith('-')
  if (negative) rest = rest.slice(1)
  const parts = /^(\d*)(?:\.(\d*))?$/.exec(withoutGroups(rest))
  if (parts === null) return { ok: false, fault: 'not_a_number' }
  const whole = parts[1] ?? ''
  const part = parts[2] ?? ''
  if (whole === '' && part === '') return { ok: false, fault: 'not_a_number' }
  if (negative) return { ok: false, fault: 'negative' }
  if (part.length > 2) return { ok: false, fault: 'decimals' }
  const fen = BigInt(whole === '' ? '0' : whole) * 100n + BigInt(part.padEnd(2, '0'))
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
