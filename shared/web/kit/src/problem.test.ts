import { ProblemError } from '@guitai/api'
import { expect, it } from 'vitest'
import { problemLine } from './problem'

function said(title: string, detail: string, remedy: string): string {
  const problem = { type: 'about:blank', title, status: 401, code: 'wrong_password', detail, remedy }
  return problemLine(new ProblemError(problem, null), (key) => key)
}

it('nothing is said twice, and Chinese sentences have no space between them', () => {
  expect(said('账号或密码不对', '账号或密码不对。', '核对后再试。')).toBe('账号或密码不对。核对后再试。')
  expect(said('当前状态不允许', '这笔没有收到钱。', '刷新后再看。')).toBe('当前状态不允许。这笔没有收到钱。刷新后再看。')
  expect(said('Wrong password', 'Wrong password.', 'Try again.')).toBe('Wrong password. Try again.')
  expect(said('Not now', 'It is open.', 'Try again.')).toBe('Not now. It is open. Try again.')
})
