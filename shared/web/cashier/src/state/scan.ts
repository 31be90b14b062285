// A screen may want order numbers for itself while it is open.
let taker: ((text: string) => boolean) | null = null

export function whileOpen(take: (text: string) => boolean): () => void {
  taker = take
  return () => { if (taker === take) taker = null }
}

export function takeScan(text: string): boolean {
  return taker?.(text) ?? false
}
