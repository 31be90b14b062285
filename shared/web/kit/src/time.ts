// Shops live on Beijing time whatever the PC believes; ranges are days there.
const ZONE = 'Asia/Shanghai'
const OFFSET_MS = 8 * 3_600_000
const DAY_MS = 86_400_000

const parts = new Intl.DateTimeFormat('en-CA', {
  timeZone: ZONE, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23',
})

function at(time: string | number): Record<string, string> {
  return Object.fromEntries(parts.formatToParts(new Date(time)).map((part) => [part.type, part.value]))
}

export function clock(time: string | number): string {
  const p = at(time)
  return `${p.hour}:${p.minute}:${p.second}`
}

export function clockShort(time: string | number): string {
  const p = at(time)
  return `${p.hour}:${p.minute}`
}

export function day(time: string | number): string {
  const p = at(time)
  return `${p.year}-${p.month}-${p.day}`
}

export function stamp(time: string | number): string {
  const p = at(time)
  return `${p.month}-${p.day} ${p.hour}:${p.minute}:${p.second}`
}

/** The clock alone for today's times, else with the day. */
export function near(time: string, now: number): string {
  return day(time) === day(now) ? clock(time) : stamp(time)
}

export function addDays(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10)
}

/** The first instant of a day there. */
export function dayStart(date: string): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) - OFFSET_MS).toISOString()
}

export interface DayRange { from: string; to: string }

function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00Z`)) && addDays(text, 0) === text
}

/** 今天, 昨天, 7d, 2026-01-05, 2026-01-01..2026-02-01 (both ends counted). `today` is the day it is there; `to` is the last day. Null: not understood. */
export function readRange(text: string, today: string): DayRange | null {
  const word = text.trim().toLowerCase()
  if (word === '' || word === '今天' || word === '今日' || word === 'today') return { from: today, to: today }
  if (word === '昨天' || word === '昨日' || word === 'yesterday') return { from: addDays(today, -1), to: addDays(today, -1) }
  if (word === '前天') return { from: addDays(today, -2), to: addDays(today, -2) }
  const days = /^(\d{1,3})\s*(?:d|天)$/.exec(word)?.[1]
  if (days !== undefined) return days === '0' ? null : { from: addDays(today, 1 - Number(days)), to: today }
  if (isDay(word)) return { from: word, to: word }
  const [first, last, more] = word.split(/\.\.|~|至/).map((end) => end.trim())
  if (first === undefined || last === undefined || more !== undefined || !isDay(first) || !isDay(last) || first > last) return null
  return { from: first, to: last }
}

/** How the API wants it: `from` counted, `to` not. */
export function instants(range: DayRange): { from: string; to: string } {
  return { from: dayStart(range.from), to: dayStart(addDays(range.to, 1)) }
}
