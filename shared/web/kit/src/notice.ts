// An announcement is edited in two places. Only what somebody changed is sent, so that an untouched field of a form that
// stood open does not undo what was written elsewhere meanwhile.
import { oneLine, paragraphs } from './normal'

export interface NoticeText { title: string; body: string }

/** Null when nothing was changed. */
export function changedFields(opened: NoticeText, now: NoticeText): Partial<NoticeText> | null {
  const title = oneLine(now.title)
  const body = paragraphs(now.body)
  const changed = { ...(title === opened.title ? {} : { title }), ...(body === opened.body ? {} : { body }) }
  return Object.keys(changed).length === 0 ? null : changed
}
