// One catalogue per page: the shared words and its own. The language is kept on this terminal and switched without
// reload. Words have {names} to fill in and no other syntax, so this file replaces a library of 18 kB gzip that
// would have put the first script over its budget.
import { speak } from '@guitai/api'
import { ref } from 'vue'
import { recall, remember } from './memory'
import { shared } from './words/shared'

export const LANGUAGES = ['zh-CN', 'en'] as const
export type Language = (typeof LANGUAGES)[number]
type Tree = { [key: string]: string | Tree }

const LANGUAGE_KEY = 'guitai.language'

const locale = ref<Language>('zh-CN')
const catalogue: Record<Language, Map<string, string>> = { 'zh-CN': new Map(), en: new Map() }

function flatten(tree: Tree, into: Map<string, string>, under = ''): void {
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === 'string') into.set(under + key, value)
    else flatten(value, into, `${under}${key}.`)
  }
}

function choose(language: Language): void {
  locale.value = language
  document.documentElement.lang = language
  speak(language)
}

/** Once, before the page is mounted. */
export function openWords(own: Record<Language, Tree>): void {
  for (const language of LANGUAGES) {
    flatten(shared[language], catalogue[language])
    flatten(own[language], catalogue[language])
  }
  choose(recall(LANGUAGE_KEY) === 'en' ? 'en' : 'zh-CN')
}

/** A missing word shows its key rather than nothing; a test keeps that from happening. */
export function t(key: string, named: Record<string, unknown> = {}): string {
  const text = catalogue[locale.value].get(key) ?? catalogue['zh-CN'].get(key) ?? key
  return text.replace(/\{(\w+)\}/g, (_all, name: string) => String(named[name] ?? ''))
}

export function useI18n() {
  return {
    t,
    locale,
    choose(language: Language): void {
      remember(LANGUAGE_KEY, language)
      choose(language)
    },
  }
}
