// Pages of one browser at one counter: who takes the scan.
import type { ScanEvent } from '@guitai/api'
import { beforeEach, describe, expect, it } from 'vitest'
import { Desk, type DeskChannel, type Seat } from './desk'

let count = 0
const scan = (till = 'T1'): ScanEvent => ({ till, token: `token-${(count += 1)}`, wallet: 'wechat', last_two: '89' })

let ends: Set<DeskChannel>
beforeEach(() => { ends = new Set() })

function channel(): DeskChannel {
  const mine: DeskChannel = {
    onmessage: null,
    postMessage: (data) => { for (const end of ends) if (end !== mine) end.onmessage?.({ data } as MessageEvent) },
    close: () => ends.delete(mine),
  }
  ends.add(mine)
  return mine
}

class Page {
  readonly window = new EventTarget()
  focused = false
  visible = true
  readonly desk: Desk

  constructor(till: string, together = true) {
    const page = this
    this.desk = new Desk({
      page: { hasFocus: () => page.focused, get visibilityState(): DocumentVisibilityState { return page.visible ? 'visible' : 'hidden' } },
      window: this.window as unknown as Window,
      channel: together ? channel : undefined,
    })
    this.desk.sitAt(till)
  }

  work(how = 'keydown'): void { this.window.dispatchEvent(new Event(how)) }
  focus(on = true): void {
    this.focused = on
    if (on) this.work('focus')
  }
}

const seats = (pages: Page[], event = scan()): Seat[] => pages.map((page) => page.desk.of(event))

describe('Desk', () => {
  it('gives a scan to the page in front, in every one of 30 tries', () => {
    const pages = [new Page('T1'), new Page('T1'), new Page('T1')]
    for (let turn = 0; turn < 30; turn += 1) {
      const front = turn % 3
      for (const [place, page] of pages.entries()) if (place !== front) page.focus(false)
      pages[front]?.focus()
      expect(seats(pages)).toEqual(pages.map((_page, place) => (place === front ? 'take' : 'leave')))
    }
  })

  it('gives it to nobody while another program is in front, and the page last used says so', () => {
    const [first, second] = [new Page('T1'), new Page('T1')]
    first.focus()
    first.focus(false)
    second.focus()
    second.focus(false)
    expect(seats([first, second])).toEqual(['leave', 'say'])
    second.desk.close()
    expect(seats([first])).toEqual(['say'])
    first.focus()
    expect(seats([first])).toEqual(['take'])
  })

  it('asks what people do where the browser says that every page has the focus', () => {
    const [first, second] = [new Page('T1'), new Page('T1')]
    for (const page of [first, second]) page.focused = true
    second.work()
    expect(seats([first, second])).toEqual(['leave', 'take'])
    first.work('pointerdown')
    expect(seats([first, second])).toEqual(['take', 'leave'])
  })

  it('gives nothing to a page that is hidden', () => {
    const page = new Page('T1')
    page.focus()
    page.visible = false
    expect(seats([page])).toEqual(['say'])
  })

  it('leaves the boxes of other tills alone, and a page that moved takes its new one’s', () => {
    const [first, second] = [new Page('T1'), new Page('T2')]
    first.focus()
    first.focus(false)
    second.focus()
    expect(seats([first, second], scan('T1'))).toEqual(['say', 'leave'])
    expect(seats([first, second], scan('T2'))).toEqual(['leave', 'take'])
    second.desk.sitAt('T1')
    expect(seats([first, second], scan('T1'))).toEqual(['leave', 'take'])
    expect(seats([first, second], scan('T2'))).toEqual(['leave', 'leave'])
  })

  it('takes a scan once that is offered again after a break', () => {
    const page = new Page('T1')
    page.focus()
    const offered = scan()
    expect([page.desk.of(offered), page.desk.of(offered), page.desk.of(scan())]).toEqual(['take', 'leave', 'take'])
    const refused: ScanEvent = { till: 'T1', refused: 'goods_code' }
    expect([page.desk.of(refused), page.desk.of(refused)]).toEqual(['take', 'take'])
  })

  it('goes by the focus alone where pages cannot hear one another', () => {
    const [first, second] = [new Page('T1', false), new Page('T1', false)]
    second.focus()
    expect(seats([first, second])).toEqual(['say', 'take'])
  })
})
