import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

/** A fresh page: what it remembers by itself is gone with the page before. */
async function page(): Promise<typeof import('./memory')> {
  vi.resetModules()
  return import('./memory')
}

class Storage {
  kept = new Map<string, string>()
  getItem(key: string): string | null { return this.kept.get(key) ?? null }
  setItem(key: string, value: string): void { this.kept.set(key, value) }
}

beforeEach(() => { vi.stubGlobal('localStorage', new Storage()) })
afterEach(() => {
  vi.unstubAllGlobals()
  delete (globalThis as { localStorage?: unknown }).localStorage
})

function full(): void {
  const storage = new Storage()
  storage.kept.set('till', 'T1')
  storage.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }
  vi.stubGlobal('localStorage', storage)
}

/** Chrome with site data blocked: the name itself throws. */
function blocked(): void {
  vi.unstubAllGlobals()
  Object.defineProperty(globalThis, 'localStorage', { configurable: true, get: () => { throw new DOMException('blocked', 'SecurityError') } })
}

describe('memory', () => {
  it('is kept from one page to the next', async () => {
    (await page()).remember('till', 'T2')
    expect((await page()).recall('till')).toBe('T2')
  })

  it('lasts as long as the page where storage is full', async () => {
    full()
    const memory = await page()
    expect(memory.recall('till')).toBe('T1')
    expect(() => memory.remember('till', 'T2')).not.toThrow()
    expect(memory.recall('till')).toBe('T2')
  })

  it.each([['blocked', blocked], ['missing', () => vi.stubGlobal('localStorage', undefined)], ['null', () => vi.stubGlobal('localStorage', null)]])(
    'lasts as long as the page where storage is %s', async (_how, take) => {
      take()
      const memory = await page()
      expect(memory.recall('till')).toBeNull()
      expect(() => memory.remember('till', 'T2')).not.toThrow()
      expect(memory.recall('till')).toBe('T2')
    })

  it('is asked through one door only', async () => {
    const { readdirSync, readFileSync } = await import('node:fs')
    const root = new URL('../../', import.meta.url)
    const files = ['api', 'kit', 'cashier', 'hq'].flatMap((part) =>
      readdirSync(new URL(`${part}/src`, root), { recursive: true }).map((file) => `${part}/src/${String(file)}`))
    const wrong = files.filter((file) => /\.(ts|vue)$/.test(file) && !/memory(\.test)?\.ts$/.test(file)
      && /\b(local|session)Storage\b/.test(readFileSync(new URL(file, root), 'utf8')))
    expect(wrong).toEqual([])
  })
})
