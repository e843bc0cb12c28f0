import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Failure } from '../../../core/failure.ts'
import { never, quickSettings, testClock, testLog } from '../../../testing/real-engine.ts'
import type { EngineRow } from '../engine.ts'
import { createEngines } from '../engines.ts'
import { readMachine } from '../machine.ts'
import { logPath } from '../process.ts'
import { engineKindOf, engineKinds } from './index.ts'
import type { CommandFacts, Search } from './kind.ts'

let home = ''
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'inhouse-kinds-'))
})
afterAll(() => rm(home, { recursive: true }))

/** A program that serves `/health` and all else with 200 to who has the key, and writes down how it was started. */
const fakeEngine = async (name: string, keyVariable: string): Promise<string> => {
  const path = join(home, name)
  const program = `import http.server, json, os, sys
class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def log_message(self, *words): pass
    def do(self):
        body = self.rfile.read(int(self.headers.get('content-length') or 0)).decode()
        known = self.headers.get('authorization') == 'Bearer ' + os.environ.get('${keyVariable}', '')
        print(json.dumps({'path': self.path, 'body': body}), flush=True)
        text = b'fake_running 3' if self.path == '/metrics' else b'{}'
        self.send_response(200 if known or self.path == '/health' else 401)
        self.send_header('content-length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    do_GET = do_POST = do
print(json.dumps({'argv': sys.argv[1:], 'gpus': os.environ.get('CUDA_VISIBLE_DEVICES')}), flush=True)
port = [word for word in sys.argv if word.isdigit() and int(word) > 1024][0]
http.server.HTTPServer(('127.0.0.1', int(port)), Web).serve_forever()`
  await Bun.write(path, `#!/usr/bin/env python3\n${program}\n`)
  await chmod(path, 0o755)
  return path
}

const row = (change: Partial<EngineRow>): EngineRow => ({
  row: 'big',
  modelPath: home,
  context: 0,
  slots: 4,
  ...change,
})

const facts: CommandFacts = {
  apiKey: 'secret-key',
  port: 4567,
  cores: 2,
  memoryBytes: 2 ** 34,
  devices: undefined,
  folder: '/files',
  env: { PATH: '/bin', OPENAI_API_KEY: 'sk-ours' },
}

const search = async (programs: Readonly<Record<string, string>>): Promise<Search> => ({
  home,
  settings: { accelerator: 'auto', programs },
  machine: { ...(await readMachine()), platform: 'darwin', arch: 'arm64' },
  env: { PATH: '' },
})

describe('every kind of engine', () => {
  const program = '/bin/sh'
  const others = engineKinds.filter(({ id }) => id !== 'llama-server')

  test.each(others.map(({ id }) => id))(
    '%s is started on this machine alone, with no secret in its words',
    async (id) => {
      const found = await engineKindOf(id).find(await search({ [id]: program }))
      const command = { run: ['serve', '{port}', '{model}'], health: '/up', speaks: 'vllm' }
      const { argv, env, url } = found.command(row({ command }), facts)
      expect(url).toBe('http://127.0.0.1:4567')
      expect(JSON.stringify([argv, env])).toMatch(/4567/)
      expect(argv.join(' ')).not.toContain('secret-key')
      expect(JSON.stringify(env)).not.toContain('sk-ours')
      expect(argv.join(' ')).not.toContain('0.0.0.0')
    },
  )

  test.each(['vllm', 'sglang', 'ollama', 'mlx-lm'])('%s is missing where its program is not', async (id) => {
    const none = await engineKindOf(id)
      .find(await search({}))
      .catch((error: unknown) => error)
    expect(none).toMatchObject({ code: 'engine_missing' })
    expect((none as Failure).help).toContain(`engines.programs.${id}`)
    const wrong = await engineKindOf(id)
      .find(await search({ [id]: '/nowhere' }))
      .catch((error: unknown) => error)
    expect(wrong).toMatchObject({ code: 'engine_missing' })
  })
})

const wordsOf = async (
  id: string,
  change: Partial<EngineRow>,
  more: Partial<CommandFacts> = {},
): Promise<string> => {
  const found = await engineKindOf(id).find(await search({ [id]: '/bin/sh' }))
  return found.command(row(change), { ...facts, ...more }).argv.join(' ')
}
const card = { vendor: 'nvidia', name: '0', memoryBytes: 100 } as const

test('vLLM and SGLang spread over the accelerators of their row, and take no more of them than it says', async () => {
  const devices = [card, { ...card, name: '1' }]
  expect(await wordsOf('vllm', { memoryBytes: 50 }, { devices })).toMatch(
    /--tensor-parallel-size 2 --gpu-memory-utilization 0.250/,
  )
  expect(await wordsOf('sglang', { memoryBytes: 50 }, { devices })).toMatch(
    /--tp-size 2 --mem-fraction-static 0.250/,
  )
  expect(await wordsOf('vllm', {})).not.toMatch(/tensor-parallel|utilization|max-model-len/)
})

test('an adapter is asked for in the words of its engine', () => {
  const adapters = { sql: { path: '/sql' }, law: { path: '/law', scale: 0.5 } }
  const asked = (engine: string) => engineKindOf(engine).speaks(row({ engine, adapters }), 'law')
  expect(asked('llama-server')).toEqual({
    preset: 'llama-server',
    extra: {
      lora: [
        { id: 0, scale: 0 },
        { id: 1, scale: 0.5 },
      ],
    },
  })
  expect(asked('sglang')).toEqual({ preset: 'sglang', model: 'big:law' })
  expect(asked('mlx-lm')).toEqual({ preset: 'mlx-lm', model: 'default_model', extra: { adapters: '/law' } })
  expect(asked('vllm')).toEqual({ preset: 'vllm', model: 'big:law' })
})

const opened = async (engineRow: EngineRow, programs: Readonly<Record<string, string>>) => {
  const log = testLog()
  const settings = quickSettings({ programs })
  const engines = createEngines({ home, settings, rows: [engineRow], clock: testClock, log })
  const opening = await engines.open('big', never)
  return { engines, opening, said: () => readFile(logPath(home, 'big'), 'utf8') }
}

test('vLLM is known by its key, and gets its adapters before the first request', async () => {
  const path = await fakeEngine('vllm', 'VLLM_API_KEY')
  const adapters = { sql: { path: home } }
  const { engines, opening, said } = await opened(row({ engine: 'vllm', adapters, gpus: [] }), { vllm: path })
  expect(opening.headers['authorization']).toMatch(/^Bearer .{32}$/)
  const text = await said()
  expect(text).toContain('/v1/load_lora_adapter')
  expect(text).toContain(String.raw`\"lora_name\":\"big:sql\"`)
  expect(text).toContain('"gpus": ""')
  expect(engines.speaks('big:sql')).toEqual({ preset: 'vllm', model: 'big:sql' })
  expect(engines.speaks('small')).toBeUndefined()
  opening.close()
  const adapter = await engines.open('big:sql', never)
  expect(adapter.url).toBe(opening.url)
  await engines.stop()
}, 60_000)

test('SGLang gets its key inside the process, where ps does not show it', async () => {
  const path = join(home, 'python')
  const fake = await fakeEngine('fake', 'NOBODY')
  // As Python with SGLang in it: a module of that name that does what the fake does.
  await Bun.write(
    join(home, 'sglang', 'launch_server.py'),
    (await readFile(fake, 'utf8')).replace(
      "os.environ.get('NOBODY', '')",
      "sys.argv[sys.argv.index('--api-key') + 1]",
    ),
  )
  await Bun.write(path, `#!/bin/sh\nPYTHONPATH=${home} exec python3 "$@"\n`)
  await chmod(path, 0o755)
  const { engines, opening, said } = await opened(row({ row: 'big', engine: 'sglang' }), { sglang: path })
  const key = opening.headers['authorization']?.slice('Bearer '.length) ?? ''
  expect(await said()).toContain(key)
  const shown = Bun.spawnSync(['ps', '-eo', 'args=']).stdout.toString()
  expect(shown).toContain('sglang.launch_server')
  expect(shown).not.toContain(key)
  await engines.stop()
}, 60_000)

test('any command is started with what it is given, and with nothing of ours', async () => {
  const path = await fakeEngine('own', 'MY_KEY')
  const command = { run: [path, '--on', '{port}', '{model}'], health: '/health', speaks: 'vllm' }
  const env = { MY_KEY: '{key}' }
  const { engines, opening, said } = await opened(
    row({ engine: 'command', command, env, extraArgs: ['x'] }),
    {},
  )
  const answer = await fetch(`${opening.url}/any`, { headers: opening.headers, proxy: false } as RequestInit)
  expect(answer.status).toBe(200)
  expect(await said()).toContain(`"${home}", "x"]`)
  expect(engines.speaks('big')).toEqual({ preset: 'vllm' })
  await engines.stop()
}, 60_000)

test('a command that is no program says so', async () => {
  const command = { run: ['/nowhere/engine'], health: '/health', speaks: 'vllm' }
  const failure = await opened(row({ engine: 'command', command }), {}).catch((error: unknown) => error)
  expect(String(failure)).toContain('its program is not there')
}, 60_000)
