// The page runs the rules of the node and the hub: the same tables of cases, made once beside core.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { classify } from './code'
import { readAmount } from './money'
import { bare, halfWidth, identifier, nameOf, oneLine, paragraphs, typed, type TextRead } from './normal'

interface Case { in: string }

/** What a rule makes of every input must be what the table says, no more and no less. */
function run<T extends object>(table: string, rule: (given: string) => T): void {
  const cases = JSON.parse(readFileSync(new URL(`../../../core/cases/${table}.json`, import.meta.url), 'utf8')) as (Case & T)[]
  it(`has cases in ${table}`, () => expect(cases.length).toBeGreaterThan(0))
  it.each(cases.map((one) => [JSON.stringify(one.in), one] as const))(`${table} %s`, (_name, { in: given, ...expected }) => {
    expect(rule(given)).toEqual(expected)
  })
}

function said(read: TextRead): { out: string } | { error: string } {
  return read.ok ? { out: read.text } : { error: read.fault }
}

describe('shared cases', () => {
  run('payment_codes', (given) => {
    const found = classify(given)
    return found.kind === 'payment_code' ? { code: found.code } : { error: found.kind }
  })
  run('amounts', (given) => {
    const read = readAmount(given)
    return read.ok ? { fen: read.fen } : { error: read.fault }
  })
  run('identifiers', (given) => said(identifier(given, 64)))
  run('names', (given) => said(nameOf(given, 32)))
  run('accounts', (given) => {
    const text = typed(given)
    if (text === '') return { error: 'empty' }
    if (text.length > 32) return { error: 'too_long' }
    return /^[\w-]+$/.test(text) ? { out: text } : { error: 'bad_character' }
  })
  run('texts', (given) => ({ line: oneLine(given), paragraphs: paragraphs(given) }))
})

describe('what only a page meets', () => {
  it.each(['\ud800', 'B\udc001', '\udfff\ud800'])('half a surrogate pair is no character: %j', (text) => {
    expect(identifier(text, 64)).toEqual({ ok: false, fault: 'hidden' })
    expect(nameOf(text, 64)).toEqual({ ok: false, fault: 'hidden' })
    expect(readAmount(text)).toEqual({ ok: false, fault: 'not_a_number' })
    expect(oneLine(text)).toBe(text.replace(/[^B1]/g, ''))
  })

  it('leaves what is no full-width ASCII alone', () => expect(halfWidth('￥，。１Ａ～　')).toBe('￥,。1A~　'))
  it('reads what it made as the same', () => {
    for (const text of [']Q1134567890123456789\r', '１３４５ 6789']) expect(bare(bare(text))).toBe(bare(text))
  })
})
