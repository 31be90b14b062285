import { desk, enter, expect, test, type Locator, type Page } from '../counter.ts'

/** Publishes in headquarters' page, for all stores or for one, and gives the announcement's id. */
async function publish(page: Page, title: string, body: string, store?: string): Promise<string> {
  await page.getByTestId('nav-notices').click()
  if (store !== undefined) {
    await page.getByTestId('target-some').check()
    await page.getByTestId(`target-${store}`).check()
  }
  await page.getByTestId('publish-title').fill(title)
  await page.getByTestId('publish-body').fill(body)
  await page.getByTestId('publish-submit').click()
  await expect(page.getByTestId('published')).toBeVisible()
  const row = page.getByTestId('notice-row').filter({ hasText: title })
  return (await row.getAttribute('data-id')) ?? ''
}

const row = (page: Page, id: string): Locator => page.locator(`[data-testid=notice-row][data-id="${id}"]`)

test('published at headquarters, seen at the counter within 5 s, read there, and headquarters knows by whom', async ({ counter, headquarters }) => {
  const title = `盘点通知 ${Date.now()}`
  await counter.evaluate(() => { document.title = 'never reloaded' })
  const unread = counter.getByTestId('unread-count')
  const before = (await unread.count()) === 0 ? 0 : Number(/\d+/.exec(await unread.innerText())?.[0])
  const id = await publish(headquarters, title, '今晚 21:30 盘点，请提前结班。')
  await expect(counter.getByTestId('newest-notices').getByRole('link', { name: title })).toBeVisible({ timeout: 5_000 })
  await expect(unread).toContainText(String(before + 1))

  await counter.keyboard.press('F6')
  await expect(row(counter, id)).toHaveAttribute('data-read', 'false')
  await counter.keyboard.press('Enter')
  await expect(counter.getByTestId('notice-title')).toHaveText(title)
  await expect(counter.getByTestId('notice-body')).toHaveText('今晚 21:30 盘点，请提前结班。')
  await expect(row(counter, id)).toHaveAttribute('data-read', 'true')
  expect(await counter.title()).toBe('never reloaded')

  const coverage = row(headquarters, id).locator('[data-testid=coverage-row][data-store=S001]')
  await expect(coverage).toHaveAttribute('data-reads', '1', { timeout: 20_000 })
  await row(headquarters, id).getByTestId('coverage').click()
  await expect(coverage).toContainText('03')
  await expect(row(headquarters, id).getByTestId('coverage')).toContainText('1/2 店已读')
})

test('a notice for one store is not shown at another, and a withdrawn one goes away', async ({ counter, headquarters, browser, world }) => {
  const title = `只给徐家汇 ${Date.now()}`
  const other = await desk(browser)
  await enter(other, world.about.nodes[1]!.url, '03', world.about.password, '/notices')
  const id = await publish(headquarters, title, '只有一家店看得到。', 'S002')
  await expect(row(other, id)).toBeVisible()
  await counter.keyboard.press('F6')
  await expect(row(counter, id)).toHaveCount(0)
  await row(headquarters, id).getByTestId('notice-withdraw').click()
  await expect(row(other, id)).toBeVisible()
  await row(headquarters, id).getByTestId('notice-withdraw-sure').click()
  await expect(row(other, id)).toHaveCount(0)
  await expect(row(headquarters, id)).toHaveAttribute('data-withdrawn', 'true')
  await other.context().close()
})

test('edited apart: the store changes the text while headquarters is away, headquarters the title; both keep both', async ({ administrator, headquarters, browser, world }) => {
  test.setTimeout(120_000)
  const stamp = Date.now()
  const id = await publish(headquarters, `营业时间 ${stamp}`, '早上 8 点开门。', 'S001')
  await administrator.keyboard.press('F6')
  await row(administrator, id).click()

  await world.hubStop()
  await administrator.getByTestId('notice-edit').click()
  await administrator.getByTestId('edit-body').fill('早上 9 点开门。')
  await administrator.getByTestId('edit-save').click()
  await expect(administrator.getByTestId('notice-body')).toHaveText('早上 9 点开门。')

  await world.hubStart()
  const again = await desk(browser)
  await enter(again, world.hub, 'admin', world.about.password, '/notices')
  await row(again, id).getByTestId('notice-edit').click()
  await again.getByTestId('edit-title').fill(`冬季营业时间 ${stamp}`)
  await again.getByTestId('edit-save').click()

  for (const page of [again, administrator]) {
    const words = page === again ? row(page, id) : page.getByTestId('notice')
    await expect(words).toContainText(`冬季营业时间 ${stamp}`, { timeout: 40_000 })
    await expect(words).toContainText('早上 9 点开门。', { timeout: 40_000 })
  }
  await again.context().close()
})

test('a form left open at headquarters does not undo what the store wrote meanwhile', async ({ administrator, headquarters, world }) => {
  const stamp = Date.now()
  const id = await publish(headquarters, `冷链检查 ${stamp}`, '每天两次。', 'S001')
  await row(headquarters, id).getByTestId('notice-edit').click()

  await administrator.keyboard.press('F6')
  await row(administrator, id).click()
  await administrator.getByTestId('notice-edit').click()
  await administrator.getByTestId('edit-body').fill('每天三次，记录温度。')
  await administrator.getByTestId('edit-save').click()
  await expect(administrator.getByTestId('notice-body')).toHaveText('每天三次，记录温度。')
  await expect(administrator.getByTestId('sync')).toHaveAttribute('data-hub', 'connected')
  await expect.poll(async () => {
    const { items } = await world.atHub<{ items: { id: string; body: string }[] }>('/announcements')
    return items.find((one) => one.id === id)?.body
  }).toBe('每天三次，记录温度。')

  await headquarters.getByTestId('edit-title').fill(`冷链每日检查 ${stamp}`)
  await headquarters.getByTestId('edit-save').click()
  await expect(administrator.getByTestId('notice-title')).toHaveText(`冷链每日检查 ${stamp}`)
  await expect(administrator.getByTestId('notice-body')).toHaveText('每天三次，记录温度。')
  await expect(row(headquarters, id)).toContainText('每天三次，记录温度。')
})

test('a cashier may read but not change', async ({ counter, headquarters }) => {
  const id = await publish(headquarters, `只读 ${Date.now()}`, '收银员不能修改。')
  await counter.keyboard.press('F6')
  await row(counter, id).click()
  await expect(counter.getByTestId('notice-body')).toHaveText('收银员不能修改。')
  await expect(counter.getByTestId('notice-edit')).toHaveCount(0)
})
