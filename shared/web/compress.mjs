// Writes each file of a built page once more as .br and .gz beside it, where that is smaller: the programs carry all three and send
// what a browser takes. Done once here, as well as it can be, rather than at every request.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

// Pictures and fonts are compressed as they are.
const TEXTS = /\.(?:js|mjs|css|html|svg|json|webmanifest|txt)$/

const FORMS = [
  ['br', (bytes) => brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  })],
  ['gz', (bytes) => gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION })],
]

for (const page of process.argv.slice(2)) {
  const sums = { plain: 0, br: 0, gz: 0 }
  for (const name of readdirSync(page, { recursive: true })) {
    const file = join(page, name)
    if (!statSync(file).isFile() || !TEXTS.test(name)) continue
    const bytes = readFileSync(file)
    sums.plain += bytes.length
    for (const [ending, pack] of FORMS) {
      const packed = pack(bytes)
      if (packed.length < bytes.length) writeFileSync(`${file}.${ending}`, packed)
      sums[ending] += Math.min(packed.length, bytes.length)
    }
  }
  console.log(`build-web: ${page} ${sums.plain} B, as br ${sums.br} B, as gzip ${sums.gz} B`)
}
