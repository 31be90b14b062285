// What people write, by the same rules as the node and the hub: the twin of core's `normal`. Both are tested against the
// same tables, `shared/core/cases/*.json`.

export type TextFault = 'empty' | 'too_long' | 'control' | 'hidden' | 'ambiguous'
export type TextRead = { ok: true; text: string } | { ok: false; fault: TextFault }

/** Control characters and what takes no room of its own; half a surrogate pair is no character at all. */
const HIDDEN = '\\p{Cc}\\p{Cs}\\p{Noncharacter_Code_Point}\\u{ad}\\u{34f}\\u{61c}\\u{115f}\\u{1160}\\u{17b4}\\u{17b5}\\u{180b}-\\u{180f}'
  + '\\u{200b}-\\u{200f}\\u{2028}-\\u{202e}\\u{2060}-\\u{206f}\\u{3164}\\u{fe00}-\\u{fe0f}\\u{feff}\\u{ffa0}\\u{fff9}-\\u{fffb}'
  + '\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}'
/** What has another form looking the same, and the mark of a lost character. */
const AMBIGUOUS = '\\u{300}-\\u{36f}\\u{37e}\\u{387}\\u{1100}-\\u{11ff}\\u{1ab0}-\\u{1aff}\\u{1dc0}-\\u{1dff}\\u{20d0}-\\u{20ff}\\u{2126}'
  + '\\u{212a}\\u{212b}\\u{2329}\\u{232a}\\u{3099}\\u{309a}\\u{a960}-\\u{a97f}\\u{d7b0}-\\u{d7ff}\\u{f900}-\\u{faff}\\u{fe20}-\\u{fe2f}'
  + '\\u{fffd}\\u{2f800}-\\u{2fa1f}'
const anyOf = (characters: string, flags = 'u'): RegExp => new RegExp(`[${characters}]`, flags)

const CONTROL = /[\p{Cc}\u2028\u2029]/u
const HIDDEN_ONE = anyOf(HIDDEN)
const HIDDEN_ALL = anyOf(HIDDEN, 'gu')
const AMBIGUOUS_ONE = anyOf(AMBIGUOUS)
const BLANKS = /\p{Zs}+/gu
const BREAKS = /\r\n|[\n\v\f\r\u0085\u2028\u2029]/u
const FRAMING = new RegExp(`^[\\p{White_Space}${HIDDEN}]+|[\\p{White_Space}${HIDDEN}]+$`, 'gu')
const AIM = /^\][A-Za-z]\d/

/** Between groups of digits: a blank, a dash, or something invisible that was copied along. */
const GAPS = new RegExp(`[\\p{Zs}\\-\\u2010-\\u2015\\u2212]|(?!\\p{Cc})[${HIDDEN}]`, 'gu')

/** JavaScript's own `trim` takes a byte-order mark for a blank; Unicode does not. */
export function trimmed(text: string): string {
  return text.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, '')
}

/** Full-width ASCII as half-width. */
export function halfWidth(text: string): string {
  return text.replace(/[\uff01-\uff5e]/g, (c) => String.fromCharCode(c.charCodeAt(0) - 0xfee0))
}

/** What a stricter reader takes next, such as an account. */
export function typed(text: string): string {
  return halfWidth(trimmed(text))
}

function evened(text: string, mostChars: number, read: (c: string) => string | null): TextRead {
  let even = ''
  for (const c of trimmed(text).replace(BLANKS, ' ')) {
    if (CONTROL.test(c)) return { ok: false, fault: 'control' }
    if (HIDDEN_ONE.test(c)) return { ok: false, fault: 'hidden' }
    const seen = read(c)
    if (seen === null) return { ok: false, fault: 'ambiguous' }
    even += seen
  }
  if (even === '') return { ok: false, fault: 'empty' }
  return [...even].length > mostChars ? { ok: false, fault: 'too_long' } : { ok: true, text: even }
}

/** A text that names something, such as a bill. */
export function identifier(text: string, mostChars: number): TextRead {
  return evened(text, mostChars, (c) => (AMBIGUOUS_ONE.test(c) ? null : halfWidth(c)))
}

/** What people call somebody or something. */
export function nameOf(text: string, mostChars: number): TextRead {
  return evened(text, mostChars, (c) => c)
}

/** A remark, a reason, a title. */
export function oneLine(text: string): string {
  return text.split(/\p{White_Space}/u).map((word) => word.replace(HIDDEN_ALL, '')).filter((word) => word !== '').join(' ')
}

/** A body of several lines. */
export function paragraphs(text: string): string {
  const lines = text.replaceAll('\t', ' ').split(BREAKS).map((line) => line.replace(HIDDEN_ALL, '').replace(/\p{White_Space}+$/u, ''))
  return lines.join('\n').replace(/^\n+|\n+$/g, '')
}

/** What a scanner read or somebody typed, without framing, AIM identifier and gaps between groups. */
export function bare(scanned: string): string {
  const data = halfWidth(scanned.replace(FRAMING, ''))
  return data.replace(AIM, '').replace(FRAMING, '').replace(GAPS, '')
}
