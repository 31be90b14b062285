// The watcher with just enough of a page around it: a field that takes what nobody prevented.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SILENCE_MS, watchScanner } from './scanner'

const CODE = '134567890123456789'

class Field extends EventTarget {
  value = ''
  type = 'text'
}

interface Key { key: string; code?: string }

class Counter {
  heard: string[] = []
  prevented: string[] = []
  at = 1_000
  readonly amount = new Field()
  private listener: (event: KeyboardEvent) => void = () => undefined

  constructor() {
    const page = { addEventListener: (_name: string, listener: (event: KeyboardEvent) => void) => { this.listener = listener }, removeEventListener: () => undefined }
    watchScanner((text) => this.heard.push(text), page as unknown as Document)
  }

  press({ key, code = '' }: Key, gap: number): void {
    this.at += gap
    vi.advanceTimersByTime(gap)
    let taken = true
    const event = {
      key, code, timeStamp: this.at, target: this.amount, ctrlKey: false, altKey: false, metaKey: false, shiftKey: false,
      preventDefault: () => { taken = false }, stopImmediatePropagation: () => undefined,
    }
    this.listener(event as unknown as KeyboardEvent)
    if (!taken) this.prevented.push(key)
    else if (key.length === 1) this.amount.value += key
  }

  gun(text: string, end: string | null = 'Enter'): void {
    this.press({ key: text[0] ?? '' }, 500)
    for (const key of text.slice(1)) this.press({ key }, 10)
    if (end !== null) this.press({ key: end }, 10)
  }
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('HTMLInputElement', Field)
  vi.stubGlobal('HTMLTextAreaElement', class {})
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('watchScanner', () => {
  it.each([
    CODE, `]Q1${CODE}`, `]C1${CODE}`, '１３４５６７８９０１２３４５６７８９', '］Ｑ１１３４５６７８９０１２３４５６７８９',
  ])('hears %s and leaves the amount as it was typed', (scan) => {
    for (const end of ['Enter', 'Tab', null]) {
      const counter = new Counter()
      for (const key of '12.5') counter.press({ key }, 120)
      counter.gun(scan, end)
      vi.advanceTimersByTime(SILENCE_MS)
      expect(counter.heard).toEqual([CODE])
      expect(counter.amount.value).toBe('12.5')
      if (end !== null) expect(counter.prevented).toContain(end)
    }
  })

  it('hears a gun whose keys an input method hides', () => {
    const counter = new Counter()
    const codes = ['BracketRight', 'KeyQ', 'Digit1', ...[...CODE].map((digit) => `Digit${digit}`)]
    codes.forEach((code, place) => counter.press({ key: 'Process', code }, place === 0 ? 500 : 10))
    counter.press({ key: 'Enter' }, 10)
    expect(counter.heard).toEqual([CODE])
  })

  it('leaves a hand and its brackets alone', () => {
    const counter = new Counter()
    for (const key of `]Q1${CODE}`) counter.press({ key }, 95)
    counter.press({ key: 'Tab' }, 95)
    expect(counter.heard).toEqual([])
    expect(counter.prevented).toEqual([])
  })
})
