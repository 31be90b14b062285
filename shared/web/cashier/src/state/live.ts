// What the node tells us without being asked: one event line for all tabs, and a slow poll of its health.
import { api, SharedLine, type Health, type LineState, type NodeEvents, type NoticeEvent, type Payment, type ScanEvent, type Sync } from '@guitai/api'
import { ref, shallowRef } from 'vue'

const HEALTH_MS = 15_000

export const line = ref<LineState>('connecting')
export const sync = shallowRef<Sync | null>(null)
export const health = shallowRef<Health | null>(null)
/** Ticks once a second, for clocks and waiting times. */
export const now = ref(Date.now())

type Listener<T> = (data: T) => void

function channel<T>() {
  const listeners = new Set<Listener<T>>()
  return {
    tell: (data: T): void => { for (const listener of listeners) listener(data) },
    on: (listener: Listener<T>): (() => void) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

export const payments = channel<Payment>()
export const notices = channel<NoticeEvent>()
export const scans = channel<ScanEvent>()
/** The line is back after a break: whoever shows lists asks again. */
export const reopened = channel<void>()

export function startLive(account: string): () => void {
  let broken = false
  const events = new SharedLine<NodeEvents>(`guitai.events.${account}`, {
    on: {
      payment: payments.tell,
      sync: (data) => { sync.value = data },
      notice: notices.tell,
      scan: scans.tell,
    },
    state: (state) => {
      line.value = state
      if (state === 'down') broken = true
      if (state === 'open' && broken) {
        broken = false
        reopened.tell()
        void ask()
      }
    },
    // A refusal is told by the next call, which knows what a lost session means.
    refused: () => void ask(),
  })
  async function ask(): Promise<void> {
    const [newHealth, newSync] = await Promise.allSettled([api.health(), api.sync()])
    health.value = newHealth.status === 'fulfilled' ? newHealth.value : null
    if (newSync.status === 'fulfilled') sync.value = newSync.value
  }
  void ask()
  const slow = setInterval(() => void ask(), HEALTH_MS)
  const tick = setInterval(() => { now.value = Date.now() }, 1_000)
  const hurry = (): void => events.hurry()
  window.addEventListener('online', hurry)
  return () => {
    events.close()
    clearInterval(slow)
    clearInterval(tick)
    window.removeEventListener('online', hurry)
  }
}
