// Who is at this till. One session for the page; losing it keeps what was being done.
import { api, ProblemError, whenUnauthorized, type Session } from '@guitai/api'
import { recall, remember } from '@guitai/kit'
import { computed, ref, shallowRef } from 'vue'

const TILL_KEY = 'guitai.till'
export const ACCOUNT_KEY = 'guitai.account'
const RETRY_MS = 2_000

export const session = shallowRef<Session | null>(null)
export const opening = ref(true)
export const serviceSilent = ref(false)
export const expired = ref(false)

const keptTill = ref(recall(TILL_KEY))

export const till = computed({
  get: () => {
    const tills = session.value?.tills ?? []
    return tills.find((one) => one.id === keptTill.value)?.id ?? session.value?.till?.id ?? tills[0]?.id
  },
  set: (id: string | undefined) => {
    keptTill.value = id ?? null
    if (id !== undefined) remember(TILL_KEY, id)
  },
})

whenUnauthorized(() => {
  if (session.value === null) return
  session.value = null
  expired.value = true
})

/** Finds the session of the cookie; waits for a service that is still starting. */
export async function openSession(): Promise<void> {
  for (;;) {
    try {
      session.value = await api.session()
      break
    } catch (fault) {
      if (fault instanceof ProblemError) break
      serviceSilent.value = true
      await new Promise((resume) => setTimeout(resume, RETRY_MS))
    }
  }
  serviceSilent.value = false
  opening.value = false
}

export function enter(found: Session): void {
  expired.value = false
  session.value = found
}

export async function logOut(): Promise<void> {
  try {
    await api.logOut()
  } catch { /* the cookie dies with its time; the page is left either way */ }
  expired.value = false
  session.value = null
}
