// axe over every screen, in the light and the dark.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import { charge, expect, hand, SETTLED, test, type Page } from '../counter.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const RULES = ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']

async function check(page: Page, what: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    await page.evaluate(AXE)
    const found = await page.evaluate(async (rules) => {
      const { axe } = window as unknown as { axe: { run: (context: Document, options: object) => Promise<AxeResults> } }
      return (await axe.run(document, { runOnly: rules, resultTypes: ['violations'] })).violations
    }, RULES)
    const told = found.map((one) => `${one.id}: ${one.help}\n${one.nodes.map((node) => `    ${node.target.join(' ')} ${node.failureSummary ?? ''}`).join('\n')}`)
    expect(told, `${what}, ${colorScheme}`).toEqual([])
  }
  await page.emulateMedia({ colorScheme: 'light' })
}

test('log-in', async ({ page, world }) => {
  await page.goto(world.node)
  await expect(page.getByTestId('login')).toBeVisible()
  await check(page, 'log-in')
  await page.getByTestId('login-account').focus()
  await hand(page, '03')
  await page.keyboard.press('Tab')
  await page.keyboard.type('wrong')
  await page.keyboard.press('Enter')
  await expect(page.getByTestId('login-error')).toBeVisible()
  await check(page, 'log-in refused')
})

test('collecting and its results', async ({ counter }) => {
  test.setTimeout(120_000)
  await expect(counter.getByTestId('recent-row').first()).toBeVisible()
  await check(counter, 'collect')
  await counter.keyboard.press('Enter')
  await expect(counter.getByTestId('amount-error')).toBeVisible()
  await check(counter, 'collect with a fault')
  await counter.keyboard.press('F1')
  await expect(counter.getByTestId('key-map')).toBeVisible()
  await check(counter, 'keys')
  await counter.keyboard.press('Escape')
  await charge(counter, '1.09')
  await check(counter, 'declined')
  await counter.keyboard.press('F2')
  await charge(counter, '1.03')
  await check(counter, 'pending')
  await counter.keyboard.press('F2')
  await charge(counter, '1.07')
  await check(counter, 'unknown')
  await expect(counter.getByTestId('result-word')).toHaveText('成功', SETTLED)
  await check(counter, 'paid')
})

test('list, totals, giving back, notices', async ({ counter }) => {
  const orderNo = await charge(counter, '9.80')
  await counter.keyboard.press('F3')
  await expect(counter.getByTestId('payment-row').first()).toBeVisible()
  await check(counter, 'query')
  await counter.getByTestId('payment-row').first().getByRole('button').first().click()
  await expect(counter.getByTestId('payment-details')).toBeVisible()
  await check(counter, 'details')
  await counter.keyboard.press('Escape')
  await counter.getByTestId('tab-totals').click()
  await expect(counter.getByTestId('tile-paid')).toBeVisible()
  await check(counter, 'totals')
  await counter.keyboard.press('F4')
  await expect(counter.getByTestId('reverse-no')).toBeFocused()
  await check(counter, 'reverse, empty')
  await hand(counter, orderNo)
  await expect(counter.getByTestId('reverse-original')).toBeVisible()
  await check(counter, 'void')
  await counter.getByTestId('mode-refund').click()
  await check(counter, 'refund')
  await counter.keyboard.press('F6')
  await counter.getByTestId('notice-row').first().click()
  await expect(counter.getByTestId('notice-body')).toBeVisible()
  await check(counter, 'notices')
})

test('headquarters', async ({ headquarters }) => {
  await expect(headquarters.getByTestId('store')).toHaveCount(2)
  await check(headquarters, 'stores')
  await headquarters.getByTestId('nav-payments').click()
  await expect(headquarters.getByTestId('payment-row').first()).toBeVisible()
  await check(headquarters, 'payments')
  await headquarters.getByTestId('nav-stats').click()
  await expect(headquarters.getByTestId('tile-paid')).toBeVisible()
  await check(headquarters, 'stats')
  await headquarters.getByTestId('nav-notices').click()
  await headquarters.getByTestId('coverage').first().click()
  await headquarters.getByTestId('target-some').check()
  await check(headquarters, 'notices')
  await headquarters.getByTestId('notice-edit').first().click()
  await check(headquarters, 'notices, editing')
})
