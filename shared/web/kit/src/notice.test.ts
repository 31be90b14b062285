import { expect, it } from 'vitest'
import { changedFields } from './notice'

it('only what was changed is sent', () => {
  const opened = { title: '盘点', body: '今晚' }
  expect(changedFields(opened, { title: ' 盘点 ', body: '今晚' })).toBeNull()
  expect(changedFields(opened, { title: '盘点', body: '明晚' })).toEqual({ body: '明晚' })
  expect(changedFields(opened, { title: '大盘点', body: '明晚' })).toEqual({ title: '大盘点', body: '明晚' })
})
