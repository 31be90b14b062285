// Each worker has a merchant of its own: its tests share a sandbox whose line they cut and a hub which they stop.
import { defineConfig } from '@playwright/test'

const browser = {
  executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
  ],
}

export default defineConfig({
  outputDir: './test-results',
  // On two cores: most of a test's time is waiting for the node's own pace.
  workers: process.env.GUITAI_PICTURES === undefined ? 2 : 1,
  fullyParallel: false,
  forbidOnly: true,
  // A test that passes the second time has found a race.
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [['list']],
  use: {
    headless: true,
    launchOptions: browser,
    viewport: { width: 1280, height: 800 },
    locale: 'zh-CN',
    timezoneId: 'Asia/Shanghai',
    colorScheme: 'light',
    trace: 'retain-on-failure',
    actionTimeout: 10_000,
    navigationTimeout: 15_000,
  },
  // Pictures are made by scripts/screenshots only.
  projects: process.env.GUITAI_PICTURES === undefined ? [{ name: 'tests', testDir: './specs' }] : [{ name: 'screenshots', testDir: './pictures' }],
})
