// Who is looking. The page talks to the hub only, never to a store.
import { hubApi, ProblemError, whenUnauthorized, type Session } from '@guitai/api'
import { ref, shallowRef } from 'vue'

export const ACCOUNT_KEY = 'guitai.hq.account'
const RETRY_MS = 2_000

export const session = shallowRef<Session | null>(null)
export const opening = ref(true)
export const expired = ref(false)

whenUnauthorized(() => {
  if (session.value === null) return
  session.value = null
  expired.value = true
})

export async function openSession(): Promise<void> {
  for (;;) {
    try {
      session.value = await hubApi.session()
      break
    } catch (fault) {
      if (fault instanceof ProblemError) break
      await new Promise((resume) => setTimeout(resume, RETRY_MS))
    }
  }
  opening.value = false
}

export function enter(found: Session): void {
  expired.value = false
  session.value = found
}

export async function logOut(): Promise<void> {
  try {
    await hubApi.logOut()
  } catch { /* the cookie dies with its time */ }
  expired.value = false
  session.value = null
}
