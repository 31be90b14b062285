// What to tell people about a failed request: the server's words where it gave some.
import { LinkError, ProblemError } from '@guitai/api'

type Translate = (key: string, named?: Record<string, unknown>) => string

export interface ProblemWords { title: string; detail: string; code: string; field: string | undefined }

/** A detail that only repeats the title with a full stop says nothing more. */
const bare = (text: string): string => text.trim().replace(/[。.!！]+$/, '')

/** Chinese sentences stand without a space between them. */
function sentences(all: string[]): string {
  return all.reduce((text, next) => text + (text === '' || /[。！？]$/.test(text) ? '' : ' ') + next, '')
}

export function problemWords(fault: unknown, t: Translate): ProblemWords {
  if (fault instanceof ProblemError) {
    const { title, detail, remedy, code, field } = fault.problem
    const rest = [detail, remedy].filter((text): text is string => text !== undefined && text !== '' && bare(text) !== bare(title))
    return { title: title === '' ? t('problem.unknown', { code }) : title, detail: sentences(rest), code, field }
  }
  if (fault instanceof LinkError) return { title: t('problem.link'), detail: '', code: 'link', field: undefined }
  return { title: t('problem.unknown', { code: fault instanceof Error ? fault.message : String(fault) }), detail: '', code: 'page', field: undefined }
}

/** One line: title, then what to do. */
export function problemLine(fault: unknown, t: Translate): string {
  const words = problemWords(fault, t)
  if (words.detail === '') return words.title
  const stop = /[。！？]$/.test(words.title) ? '' : /[.!?]$/.test(words.title) ? ' ' : /\p{Script=Han}/u.test(words.title) ? '。' : '. '
  return `${words.title}${stop}${words.detail}`
}
