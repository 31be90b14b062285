// Three rhythms, told apart without pitch: up (done), long-low (no), two knocks (look here). What is heard is also seen.
import { recall, remember } from './memory'
import type { Tone } from './result'

const MUTE_KEY = 'guitai.mute'
let context: AudioContext | null = null

export function isMuted(): boolean { return recall(MUTE_KEY) === '1' }
export function setMuted(muted: boolean): void { remember(MUTE_KEY, muted ? '1' : '0') }

function beep(at: number, hertz: number, seconds: number): void {
  if (context === null) return
  const tone = context.createOscillator()
  const level = context.createGain()
  tone.frequency.value = hertz
  level.gain.setValueAtTime(0.0001, at)
  level.gain.exponentialRampToValueAtTime(0.25, at + 0.01)
  level.gain.exponentialRampToValueAtTime(0.0001, at + seconds)
  tone.connect(level).connect(context.destination)
  tone.start(at)
  tone.stop(at + seconds)
}

export function play(tone: Tone): void {
  if (isMuted() || typeof AudioContext === 'undefined' || tone === 'working' || tone === 'quiet') return
  try {
    context ??= new AudioContext()
    const now = context.currentTime
    if (tone === 'good') {
      beep(now, 660, 0.12)
      beep(now + 0.1, 880, 0.12)
      beep(now + 0.2, 1175, 0.3)
    } else if (tone === 'bad') {
      beep(now, 330, 0.25)
      beep(now + 0.25, 220, 0.5)
    } else {
      beep(now, 740, 0.08)
      beep(now + 0.16, 740, 0.08)
    }
  } catch { /* no sound device: the words are on the screen */ }
}
