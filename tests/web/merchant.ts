// A whole merchant for the browser: provisioned by scripts/demo, then run from here, so that the hub can be stopped and
// a scan box be plugged in. The programs belong to the runner's process; tests ask its keeper over HTTP.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as createSocket, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

const ROOT = resolve(import.meta.dirname, '../..')
const PORTS = 5
/** Above what Linux hands out by itself; so many for each worker. */
const PORT_FIRST = 61_000
const PORTS_A_WORKER = 1_000
/** A cold build of the programs fits. */
export const BUILD_MS = 30 * 60_000
const START_MS = 30_000
const STOP_MS = 10_000

/** What tests know of it. */
export interface Merchant {
  folder: string
  keeper: string
  sandbox_control: string
  hub: string
  hub_api_key: string
  nodes: { url: string; api_key: string }[]
  password: string
}

interface Program { child: ChildProcess; name: string }

export class Household {
  private readonly folder = mkdtempSync(join(tmpdir(), 'guitai-web-'))
  private readonly programs = new Map<string, Program>()
  private keeper: Server | null = null
  private about!: Merchant

  /** `place`: which worker's, from 0. */
  constructor(private readonly place: number) {}

  async open(): Promise<Merchant> {
    const demo = join(this.folder, 'demo')
    mkdirSync(demo)
    await this.provision(demo)
    const known = JSON.parse(readFileSync(join(demo, 'demo.json'), 'utf8'))
    this.about = { ...known, folder: demo, password: known.logins[0].password, keeper: '' }

    const port = await this.plugInScanBox()
    const config = join(demo, 'node1.toml')
    writeFileSync(config, `${readFileSync(config, 'utf8')}[[devices.scanner]]\nport = "${port}"\ntill = "T1"\n`)

    await this.start('sandbox')
    await this.start('hub')
    await Promise.all([this.start('node1'), this.start('node2')])
    this.about.keeper = await this.keep()
    return this.about
  }

  async close(): Promise<void> {
    this.keeper?.closeAllConnections()
    this.keeper?.close()
    for (const name of [...this.programs.keys()].reverse()) await this.stop(name)
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** scripts/demo makes the keys, stores, people and a week of trade, and is then ended. */
  private async provision(demo: string): Promise<void> {
    const child = this.spawn('demo', join(ROOT, 'scripts/demo'), ['--dir', demo, '--port-base', String(await freePorts(this.place))])
    await until('scripts/demo', BUILD_MS, async () => {
      if (child.exitCode !== null) throw new Error(`scripts/demo ended:\n${readFileSync(join(this.folder, 'demo.log'), 'utf8')}`)
      return existsSync(join(demo, 'demo.json'))
    })
    await this.stop('demo')
  }

  private async plugInScanBox(): Promise<string> {
    const child = spawn('python3', [join(import.meta.dirname, 'scanbox.py')], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.programs.set('scanbox', { child, name: 'scanbox' })
    const [port] = await once(createInterface(child.stdout!), 'line')
    return String(port)
  }

  private async start(name: string): Promise<void> {
    if (this.programs.has(name)) return
    const { folder, hub, nodes, sandbox_control } = this.about
    const [program, words, look] = {
      sandbox: ['guitai-sandbox', ['run', '--listen', address(String(this.about['sandbox' as keyof Merchant])), '--control', address(sandbox_control), '--data', join(folder, 'sandbox')], `${sandbox_control}/control/book`],
      hub: ['guitai-hub', ['run', '--config', join(folder, 'hub.toml')], `${hub}/api/v1/health`],
      node1: ['guitai-node', ['run', '--config', join(folder, 'node1.toml')], `${nodes[0]!.url}/api/v1/health`],
      node2: ['guitai-node', ['run', '--config', join(folder, 'node2.toml')], `${nodes[1]!.url}/api/v1/health`],
    }[name] as [string, string[], string]
    const child = this.spawn(name, join(ROOT, 'target/release', program), words)
    await until(name, START_MS, async () => {
      if (child.exitCode !== null) throw new Error(`${name} ended:\n${readFileSync(join(this.folder, `${name}.log`), 'utf8')}`)
      return (await fetch(look)).ok
    })
  }

  private spawn(name: string, program: string, words: string[]): ChildProcess {
    const log = openSync(join(this.folder, `${name}.log`), 'a')
    const child = spawn(program, words, { stdio: ['ignore', log, log] })
    closeSync(log)
    this.programs.set(name, { child, name })
    return child
  }

  private async stop(name: string): Promise<void> {
    const program = this.programs.get(name)
    if (program === undefined) return
    this.programs.delete(name)
    const { child } = program
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    const hard = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await ended
    clearTimeout(hard)
  }

  /** POST /hub/stop, /hub/start, the same of node2, and /scan (the digits as body). */
  private async keep(): Promise<string> {
    this.keeper = createServer((request, response) => {
      const work = async (): Promise<void> => {
        let body = ''
        for await (const piece of request) body += String(piece)
        const [, what, how] = (request.url ?? '').split('/')
        if (what === 'scan') this.programs.get('scanbox')!.child.stdin!.write(`${body}\n`)
        else if ((what === 'hub' || what === 'node2') && how === 'stop') await this.stop(what)
        else if ((what === 'hub' || what === 'node2') && how === 'start') await this.start(what)
        else throw new Error(`unknown wish ${request.url}`)
      }
      work().then(() => response.end('done'), (fault: unknown) => { response.statusCode = 500; response.end(String(fault)) })
    })
    this.keeper.listen(0, '127.0.0.1')
    await once(this.keeper, 'listening')
    return `http://127.0.0.1:${(this.keeper.address() as AddressInfo).port}`
  }
}

function address(url: string): string {
  return url.replace('http://', '')
}

async function until(what: string, mostMs: number, look: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + mostMs
  for (;;) {
    const found = await look().catch((fault: unknown) => {
      if (fault instanceof TypeError) return false
      throw fault
    })
    if (found) return
    if (Date.now() > end) throw new Error(`${what}: not within ${mostMs} ms`)
    await sleep(50)
  }
}

/** The first of five neighbours that nobody uses. */
async function freePorts(place: number): Promise<number> {
  for (let tries = 0; tries < 50; tries += 1) {
    const base = PORT_FIRST + place * PORTS_A_WORKER + Math.floor(Math.random() * (PORTS_A_WORKER - PORTS))
    const free = await Promise.all(Array.from({ length: PORTS }, (_, n) => isFree(base + n)))
    if (free.every(Boolean)) return base
  }
  throw new Error('no five free ports')
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = createSocket()
    socket.once('error', () => done(false))
    socket.listen(port, '127.0.0.1', () => socket.close(() => done(true)))
  })
}
