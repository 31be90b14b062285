// Announcements of this store, asked for again whenever the node says they changed.
import { api, type Announcement } from '@guitai/api'
import { computed, ref, shallowRef } from 'vue'
import { notices, reopened } from './live'

export const list = shallowRef<Announcement[]>([])
export const loaded = ref(false)
export const arrived = ref('')
export const visible = computed(() => list.value.filter((one) => !one.withdrawn))
export const unread = computed(() => visible.value.filter((one) => !one.read).length)

export async function loadNotices(): Promise<void> {
  try {
    const answer = await api.announcements()
    list.value = [...answer.items].sort((a, b) => b.published_at.localeCompare(a.published_at))
    loaded.value = true
  } catch { /* keeps what it has; the next event or reconnect asks again */ }
}

/** Shown as read at once; told to the node, which tells the others. */
export async function markRead(id: string): Promise<void> {
  const one = list.value.find((item) => item.id === id)
  if (one === undefined || one.read) return
  list.value = list.value.map((item) => (item.id === id ? { ...item, read: true } : item))
  try { await api.markRead(id) } catch { void loadNotices() }
}

export function startNotices(): () => void {
  const stops = [
    notices.on((event) => {
      arrived.value = event.title
      void loadNotices()
    }),
    reopened.on(() => void loadNotices()),
  ]
  void loadNotices()
  return () => { for (const stop of stops) stop() }
}
