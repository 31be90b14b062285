import { describe, expect, it } from 'vitest'
import { EventParser } from './events'

describe('EventParser', () => {
  it('reads events whatever the cuts', () => {
    const text = ': hello\n\nid: 1-7\nevent: payment\ndata: {"a":\ndata: 1}\n\nevent:sync\r\ndata:{}\r\n\r\n'
    for (let cut = 1; cut < 9; cut += 1) {
      const parser = new EventParser()
      const found = []
      for (let from = 0; from < text.length; from += cut) found.push(...parser.push(text.slice(from, from + cut)))
      expect(found).toEqual([
        { id: '1-7', event: 'payment', data: '{"a":\n1}' },
        { id: '1-7', event: 'sync', data: '{}' },
      ])
    }
  })

  it('keeps an unfinished event back', () => {
    const parser = new EventParser()
    expect(parser.push('data: 1\n')).toEqual([])
    expect(parser.push('\n')).toEqual([{ id: null, event: 'message', data: '1' }])
  })
})
