// What this terminal remembers from one visit to the next: small conveniences, nothing that a payment needs. Storage may be
// blocked or full; then it is remembered for as long as the page is open.
const here = new Map<string, string>()

export function recall(key: string): string | null {
  const kept = here.get(key)
  if (kept !== undefined) return kept
  try { return localStorage.getItem(key) } catch { return null }
}

export function remember(key: string, value: string): void {
  here.set(key, value)
  try { localStorage.setItem(key, value) } catch { /* remembered by this page */ }
}
