// The stores as they are now, and payments as they arrive.
import { hubApi, SharedLine, type HubEvents, type LineState, type Payment, type StoreRow } from '@guitai/api'
import { day } from '@guitai/kit'
import { computed, ref, shallowRef } from 'vue'

/** Between events figures age; asking again keeps them honest. */
const REFRESH_MS = 30_000
const TICK_MS = 5_000
/** A payment moves its store's figures; a rush of them makes one question. */
const GATHER_MS = 1_000

export const line = ref<LineState>('connecting')
export const stores = shallowRef<StoreRow[]>([])
export const storesAsOf = ref<string | null>(null)
export const storesFault = ref<unknown>(null)
export const now = ref(Date.now())
/** The business day: of all open stores the earliest, as the hub's figures count it. */
export const today = computed(() => {
  const days = stores.value.filter((one) => one.closed_since === undefined).map((one) => one.today.date)
  return days.reduce((first, next) => (next < first ? next : first), days[0] ?? day(now.value))
})
export const connected = computed(() => stores.value.filter((one) => one.state === 'connected').length)

const listeners = new Set<(payment: Payment) => void>()

export function onPayment(listener: (payment: Payment) => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function storeName(id: string | undefined): string {
  return stores.value.find((one) => one.store === id)?.name ?? id ?? ''
}

export async function loadStores(): Promise<void> {
  try {
    const answer = await hubApi.stores()
    stores.value = answer.items
    storesAsOf.value = answer.as_of
    storesFault.value = null
  } catch (fault) {
    storesFault.value = fault
  }
}

function see(row: StoreRow): void {
  const known = stores.value.some((one) => one.store === row.store)
  stores.value = known ? stores.value.map((one) => (one.store === row.store ? row : one)) : [...stores.value, row]
  storesAsOf.value = new Date().toISOString()
}

export function startLive(account: string): () => void {
  let gathering: ReturnType<typeof setTimeout> | undefined
  function soon(): void {
    gathering ??= setTimeout(() => {
      gathering = undefined
      void loadStores()
    }, GATHER_MS)
  }
  const events = new SharedLine<HubEvents>(`guitai.events.${account}`, {
    on: {
      store: see,
      payment: (data) => {
        for (const listener of listeners) listener(data)
        soon()
      },
    },
    state: (state) => {
      line.value = state
      if (state === 'open') void loadStores()
    },
    refused: () => void loadStores(),
  })
  void loadStores()
  const refresh = setInterval(() => void loadStores(), REFRESH_MS)
  const tick = setInterval(() => { now.value = Date.now() }, TICK_MS)
  const hurry = (): void => events.hurry()
  window.addEventListener('online', hurry)
  return () => {
    events.close()
    clearTimeout(gathering)
    clearInterval(refresh)
    clearInterval(tick)
    window.removeEventListener('online', hurry)
  }
}
