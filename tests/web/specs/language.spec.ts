import { charge, expect, SETTLED, test, type Page } from '../counter.ts'

/** Everything a person can see or have read out, but for what the merchant named and wrote itself. */
async function chinese(page: Page): Promise<string[]> {
  const names = [...(await page.getByTestId('till').locator('option').allInnerTexts()), '静安寺店', '王芳', '中文', '元']
  const texts = await page.evaluate(() => {
    const found: string[] = []
    for (const one of document.querySelectorAll('body *')) {
      if (one.closest('[data-testid=newest-notices] li') !== null) continue
      for (const node of one.childNodes) if (node.nodeType === Node.TEXT_NODE) found.push(node.textContent ?? '')
      for (const name of ['placeholder', 'title', 'aria-label', 'alt']) found.push(one.getAttribute(name) ?? '')
    }
    return found
  })
  return texts.map((text) => names.reduce((rest, name) => rest.replaceAll(name, ''), text)).filter((text) => /\p{Script=Han}/u.test(text))
}

test('in English no Chinese is left at the counter but names', async ({ counter }) => {
  await expect(counter.getByTestId('recent-row').first()).toBeVisible()
  expect((await chinese(counter)).length).toBeGreaterThan(10)
  await counter.getByTestId('language-en').click()
  await expect(counter.getByTestId('submit')).toContainText('Collect')
  await expect(counter.locator('html')).toHaveAttribute('lang', 'en')
  expect(await chinese(counter)).toEqual([])

  await counter.getByTestId('amount').fill('0')
  await counter.getByTestId('amount').press('Enter')
  await expect(counter.getByTestId('amount-error')).toHaveText('Must be more than 0')
  await counter.getByTestId('amount').fill('')
  await charge(counter, '1.05')
  await expect(counter.getByTestId('result-say')).toBeVisible()
  expect(await chinese(counter)).toEqual([])
  await expect(counter.getByTestId('result')).toHaveAttribute('data-result', 'paid', SETTLED)
  expect(await chinese(counter)).toEqual([])

  await counter.reload()
  await expect(counter.getByTestId('submit')).toContainText('Collect')
})

test('the server’s words follow the language', async ({ page, world }) => {
  await page.goto(world.node)
  await page.getByTestId('language-en').click()
  await page.getByTestId('login-account').fill('03')
  await page.getByTestId('login-password').fill('wrong')
  await page.keyboard.press('Enter')
  await expect(page.getByTestId('login-error')).toContainText(/password/i)
  await expect(page.getByTestId('login-error')).not.toContainText(/\p{Script=Han}/u)
})
