import { afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { EngineProgram } from './engine.ts'
import {
  fetchTimeoutMs,
  never,
  pinned,
  realEngine,
  realModel,
  smallRow,
  testHome,
  writeBinary,
} from '../../testing/real-engine.ts'
import { engineCommand } from './command.ts'
import { findEngine, inspect } from './find.ts'
import { llamaServer } from './kinds/llama-server.ts'
import { readMachine } from './machine.ts'
import { filesPath, startEngine, logPath, type Start } from './process.ts'

let model = ''
let folder = ''
const programs: Record<string, EngineProgram> = {}

beforeAll(async () => {
  const engine = await realEngine()
  model = await realModel()
  folder = await mkdtemp(join(tmpdir(), 'inhouse-engine-'))
  const machine = await readMachine()
  const settings = { accelerator: pinned }
  programs['package'] = await findEngine({ home: testHome, settings, machine, env: process.env })
  const binary = await inspect(await writeBinary(folder, engine), process.env)
  if (binary instanceof Error) throw binary
  programs['binary'] = binary
  return () => rm(folder, { recursive: true })
}, fetchTimeoutMs)

const commandsOf = (program: EngineProgram): Start['program'] => ({
  llamaCpp: program,
  command: (row, facts) => engineCommand(program, row, facts),
})

const startOf = async (kind: string, row: string, change: Partial<Start> = {}): Promise<Start> => {
  const program = programs[kind]
  if (program === undefined) throw new Error(kind)
  const machine = await readMachine()
  const engineRow = smallRow(model, { row })
  const starts = { program: commandsOf(program), row: engineRow, machine, timeoutMs: 60_000, signal: never }
  return { home: testHome, kind: llamaServer, devices: undefined, ...starts, ...change }
}

/** Processes that belong to a row: the engine and its guard, which are a group. */
const pidsOf = (row: string): number[] => {
  const lines = Bun.spawnSync(['ps', '-eo', 'pid=,pgid=,args=']).stdout.toString().trim().split('\n')
  const all = lines.map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [])
  const groups = new Set(
    all.filter(([, , , args]) => args?.includes(`inhouse-engine-${row}`)).map(([, , group]) => group),
  )
  return all.filter(([, , group]) => groups.has(group)).map(([, pid]) => Number(pid))
}

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await Bun.sleep(10)
}

const parents: Bun.Subprocess[] = []
afterEach(() => parents.splice(0).forEach((parent) => parent.kill('SIGKILL')))

/** A process of its own that starts engines as the gateway does, and prints `up` when they are. */
const gateway = async (kind: string, rows: readonly string[]) => {
  const starts = await Promise.all(rows.map((row) => startOf(kind, row)))
  const orders = starts.map(({ program, row, machine }) => ({
    row,
    machine: { cores: machine.cores, memoryBytes: machine.memoryBytes },
    program: program.llamaCpp && {
      ...program.llamaCpp,
      ...('flags' in program.llamaCpp && { flags: [...program.llamaCpp.flags] }),
    },
  }))
  const code = `
    const { startEngine } = await import(${JSON.stringify(join(import.meta.dir, 'process.ts'))})
    const { engineCommand } = await import(${JSON.stringify(join(import.meta.dir, 'command.ts'))})
    const { llamaServer: kind } = await import(${JSON.stringify(join(import.meta.dir, 'kinds/llama-server.ts'))})
    const signal = new AbortController().signal
    for (const order of ${JSON.stringify(orders)}) {
      const found = { ...order.program, flags: new Set(order.program.flags) }
      const program = { command: (row, facts) => engineCommand(found, row, facts) }
      await startEngine({ ...order, kind, program, home: ${JSON.stringify(testHome)}, timeoutMs: 60000, signal })
    }
    console.log('up')
    setInterval(() => {}, 1000)`
  const parent = Bun.spawn([process.execPath, '-e', code], { stdout: 'pipe' })
  parents.push(parent)
  return parent
}

describe.each(['package', 'binary'])('an engine from a %s', (kind) => {
  test('starts, answers its health, and is gone after stop', async () => {
    const row = `stop-${kind}`
    const engine = await startEngine(await startOf(kind, row))
    const health = await fetch(`${engine.url}/health`, { proxy: false } as RequestInit)
    expect(health.status).toBe(200)
    expect(pidsOf(row)).toHaveLength(2)
    await engine.stop()
    await engine.stop()
    await until(() => pidsOf(row).length === 0)
  }, 60_000)

  test('dies with us when we are killed, each of several', async () => {
    const rows = [`orphan-one-${kind}`, `orphan-two-${kind}`]
    const parent = await gateway(kind, rows)
    await parent.stdout.getReader().read()
    expect(rows.flatMap(pidsOf)).toHaveLength(4)
    parent.kill('SIGKILL')
    await until(() => rows.flatMap(pidsOf).length === 0)
  }, 60_000)

  test('dies with us also while it loads its model', async () => {
    const row = `early-${kind}`
    const parent = await gateway(kind, [row])
    await until(() => pidsOf(row).length === 2)
    parent.kill('SIGKILL')
    await until(() => pidsOf(row).length === 0)
  }, 60_000)

  test('an aborted start leaves nothing running', async () => {
    const row = `abort-${kind}`
    const leaving = new AbortController()
    const starting = startEngine(await startOf(kind, row, { signal: leaving.signal }))
    const failed = starting.catch((error: unknown) => error)
    await until(() => pidsOf(row).length === 2)
    leaving.abort(new Error('left'))
    expect(String(await failed)).toContain('left')
    await until(() => pidsOf(row).length === 0)
  }, 60_000)

  test('a start that takes too long is given up, and leaves nothing running', async () => {
    const row = `slow-${kind}`
    const failed = startEngine(await startOf(kind, row, { timeoutMs: 1 })).catch((error: unknown) => error)
    expect(await failed).toMatchObject({ code: 'engine_failed' })
    await until(() => pidsOf(row).length === 0)
  }, 60_000)

  test('one that is killed says so, and its guard goes with it', async () => {
    const row = `killed-${kind}`
    const engine = await startEngine(await startOf(kind, row))
    process.kill(engine.pid, 'SIGKILL')
    expect(await engine.exited).toContain('killed from outside')
    await until(() => pidsOf(row).length === 0)
  }, 60_000)
})

describe('an engine that cannot load its model', () => {
  const fake = async (name: string, script: string): Promise<Start> => {
    const path = join(folder, name)
    await Bun.write(path, `#!/bin/sh\n${script}\n`)
    await chmod(path, 0o755)
    const program = {
      kind: 'llama-server',
      version: '1',
      path,
      flags: new Set<string>(),
      accelerator: 'cpu',
    } as const
    return startOf('binary', name, { program: commandsOf(program) })
  }
  const failureOf = async (start: Start): Promise<string> =>
    String(await startEngine(start).catch((error: unknown) => error))

  test('is explained by words that come after its end, from a process that outlives it', async () => {
    const late = `(sleep 0.3; echo "gguf_init: invalid magic characters: 'impo'" >&2) &\nexit 1`
    expect(await failureOf(await fake('late', late))).toContain('not a GGUF file')
  }, 60_000)

  test('is explained by the kill when the system ends it for want of memory', async () => {
    const killed = 'echo "failed to allocate a large page, trying without" >&2\nkill -s KILL $$'
    expect(await failureOf(await fake('oom', killed))).toContain('ran out of memory')
  }, 60_000)

  test('is explained without them when they never end, and takes what it left behind along', async () => {
    expect(await failureOf(await fake('endless', 'sleep 1000 &\nexit 3'))).toContain('status 3')
    await until(() => pidsOf('endless').length === 0)
  }, 60_000)

  test('is not asked again once it has ended, whoever has its port then', async () => {
    const portFile = join(folder, 'ended.port')
    const script = `for word; do [ "$before" = --port ] && echo "$word" >'${portFile}'; before=$word; done\nexit 3`
    expect(await failureOf(await fake('ended', script))).toContain('status 3')
    const asked: string[] = []
    const port = Number(await readFile(portFile, 'utf8'))
    const next = Bun.serve({
      hostname: '127.0.0.1',
      port,
      fetch: ({ url }) => new Response(String(asked.push(url))),
    })
    await Bun.sleep(200)
    await next.stop(true)
    expect(asked).toEqual([])
  }, 60_000)

  test('is not waited for beyond its time when it hangs', async () => {
    const hangs = await fake('hangs', `trap '' TERM\nwhile :; do sleep 0.1; done`)
    expect(await failureOf({ ...hangs, timeoutMs: 200 })).toContain('not ready after')
    await until(() => pidsOf('hangs').length === 0)
  }, 60_000)
})

test('a program that answers at the engine’s port but is no llama-server gets no prompt', async () => {
  const path = join(folder, 'stranger')
  const server = `import http.server, sys
class Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == '/health' else 404)
        self.end_headers()
port = int(sys.argv[sys.argv.index('--port') + 1])
http.server.HTTPServer(('127.0.0.1', port), Web).serve_forever()`
  await Bun.write(path, `#!/usr/bin/env python3\n${server}\n`)
  await chmod(path, 0o755)
  const program = { ...programs['binary'], path } as EngineProgram
  const failure = startEngine(await startOf('binary', 'stranger', { program: commandsOf(program) })).catch(
    (error: unknown) => error,
  )
  expect(String(await failure)).toContain('Another program')
  await until(() => pidsOf('stranger').length === 0)
}, 60_000)

test('an engine gets no secrets of ours, and Python none of its settings', async () => {
  process.env['OPENAI_API_KEY'] = 'sk-ours'
  process.env['PYTHONPATH'] = '/nowhere'
  const engine = await startEngine(await startOf('package', 'secrets'))
  delete process.env['OPENAI_API_KEY']
  delete process.env['PYTHONPATH']
  const environment = await readFile(`/proc/${engine.pid}/environ`, 'utf8').catch(() => '')
  expect(environment).not.toMatch(/OPENAI_API_KEY|PYTHONPATH/)
  await engine.stop()
}, 60_000)

test('a row’s name cannot lead its log out of the home', () => {
  expect(logPath('/home', '../../etc/x y')).toMatch(/^\/home\/logs\/engine-\.\.-\.\.-etc-x-y-\w{12}\.log$/)
})

test('rows whose names differ in what no file name holds share neither log nor files', () => {
  expect(logPath('/home', 'qwen3:8b')).not.toBe(logPath('/home', 'qwen3-8b'))
  expect(filesPath('/home', 'qwen3:8b')).not.toBe(filesPath('/home', 'qwen3-8b'))
})
