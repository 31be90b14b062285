import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cashier } from './cashier'
import { hq } from './hq'
import { shared } from './shared'

type Tree = { [key: string]: string | Tree }

function flat(tree: Tree, under = ''): Map<string, string> {
  const found = new Map<string, string>()
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === 'string') found.set(under + key, value)
    else for (const [path, text] of flat(value, `${under}${key}.`)) found.set(path, text)
  }
  return found
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(vue|ts)$/.test(path) && !path.includes('.test.') && !path.includes('words/'))
    .map((path) => readFileSync(join(folder, path), 'utf8'))
}

const places = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '').sort()

const WEB = join(import.meta.dirname, '../../..')

describe.each([['shared', shared], ['cashier', cashier], ['hq', hq]] as const)('catalogue %s', (_name, words) => {
  const zh = flat(words['zh-CN'])
  const en = flat(words.en)

  it('has the same keys in both languages', () => expect([...en.keys()].sort()).toEqual([...zh.keys()].sort()))
  it('has the same places to fill in', () => {
    for (const [key, text] of zh) expect(places(en.get(key) ?? ''), key).toEqual(places(text))
  })
  it('has Chinese in the Chinese one and none in the English one', () => {
    for (const [key, text] of en) if (key !== 'lang.zh') expect(text, key).not.toMatch(/\p{Script=Han}/u)
    for (const [key, text] of zh) if (text !== '' && key !== 'lang.en') expect(text, key).toMatch(/\p{Script=Han}/u)
  })
})

describe.each(['cashier', 'hq'] as const)('what %s asks for', (app) => {
  const own = app === 'cashier' ? cashier : hq
  const known = new Set([...flat(shared['zh-CN']).keys(), ...flat(own['zh-CN']).keys()])
  const texts = [...sources(join(WEB, app, 'src')), ...sources(join(WEB, 'kit/src'))]

  it('is in the catalogue', () => {
    const asked = new Set<string>()
    for (const text of texts) for (const match of text.matchAll(/\bt\('([\w.]+)'/g)) asked.add(match[1] ?? '')
    expect(asked.size).toBeGreaterThan(30)
    expect([...asked].filter((key) => !known.has(key))).toEqual([])
  })

  it('is never written into a template', () => {
    for (const text of texts) {
      const template = /<template>[\s\S]*<\/template>/.exec(text)?.[0] ?? ''
      expect(template.replace(/<!--[\s\S]*?-->/g, '')).not.toMatch(/\p{Script=Han}/u)
    }
  })
})
