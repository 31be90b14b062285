// Function keys for places. `?` opens the map unless somebody is writing words.
export interface Hotkey { key: string; alt?: boolean; run: () => void }

/** Fields for digits take no letters or signs, so a question mark there is meant for us. */
export function isWriting(target: EventTarget | null): boolean {
  if (target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true
  return target instanceof HTMLInputElement && target.inputMode !== 'decimal' && target.inputMode !== 'numeric'
}

export function watchKeys(keys: () => Hotkey[], page: Document = document): () => void {
  function onKey(event: KeyboardEvent): void {
    if (event.isComposing || event.ctrlKey || event.metaKey) return
    for (const hotkey of keys()) {
      const wanted = hotkey.alt === true ? event.altKey && event.code === `Key${hotkey.key.toUpperCase()}` : !event.altKey && event.key === hotkey.key
      if (!wanted) continue
      if (hotkey.key === '?' && isWriting(event.target)) continue
      event.preventDefault()
      if (!event.repeat) hotkey.run()
      return
    }
  }
  page.addEventListener('keydown', onKey)
  return () => page.removeEventListener('keydown', onKey)
}
