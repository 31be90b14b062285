// One build recipe for every page. Windows 7 ends at Chrome 109, hence the target; the pages run under a
// policy without inline script or style, hence no inlined assets.
import { resolve } from 'node:path'
import vue from '@vitejs/plugin-vue'
import type { UserConfig } from 'vite'

export function page(name: string): UserConfig {
  const root = resolve(import.meta.dirname, name)
  return {
    root,
    plugins: [vue()],
    define: {
      __VUE_OPTIONS_API__: 'false',
      __VUE_PROD_DEVTOOLS__: 'false',
    },
    build: {
      outDir: resolve(import.meta.dirname, 'dist', name),
      emptyOutDir: true,
      target: 'chrome107',
      cssTarget: 'chrome107',
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: true,
    },
    server: { proxy: { '/api': process.env.GUITAI_API ?? 'http://127.0.0.1:30002' } },
  }
}
