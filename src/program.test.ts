import { beforeAll, describe, expect, test } from 'bun:test'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'

import { realApp } from './testing/real-app.ts'
import { testHome } from './testing/real-engine.ts'
import { serveProcess, type Served } from './testing/served.ts'

/** The program as a person starts it: launcher, Bun, engine, with what the first start has brought. */
const launcher = join(import.meta.dir, '..', 'bin', 'inhouse.js')

beforeAll(async () => {
  const app = await realApp()
  await app[Symbol.asyncDispose]()
}, 600_000)

const canBecome =
  Bun.spawnSync(['node', '-p', 'process.execve !== undefined']).stdout.toString().trim() === 'true'
/** For a Node that can become another program: starts it below itself, as older ones must. */
const asParent = ['--import', 'data:text/javascript,delete process.execve']

const start = (...nodeOptions: readonly string[]): Promise<Served> =>
  serveProcess({ home: testHome, command: ['node', ...nodeOptions, launcher] })

/** Processes below this one, by their parents, as the kernel has it. */
async function descendants(pid: number): Promise<number[]> {
  const listed = await Bun.$`ps -e -o pid=,ppid=`.quiet().text()
  const pairs = listed
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
  const below = (parent: number): number[] =>
    pairs.flatMap(([child = 0, of]) => (of === parent ? [child, ...below(child)] : []))
  return below(pid)
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function allGone(pids: readonly number[]): Promise<void> {
  while (pids.some(isAlive)) await Bun.sleep(20)
}

describe('the chain of processes', () => {
  test('ends with the launcher, also when that is killed', async () => {
    const { process } = await start(...asParent)
    const chain = await descendants(process.pid)
    expect(chain.length).toBeGreaterThanOrEqual(2)
    process.kill('SIGKILL')
    await allGone(chain)
  })

  test('ends with the program in the middle, also when that is killed, and the launcher tells', async () => {
    const { process } = await start(...asParent)
    const chain = await descendants(process.pid)
    globalThis.process.kill(chain[0] ?? 0, 'SIGKILL')
    await allGone(chain)
    expect(await process.exited).not.toBe(0)
  })

  test.skipIf(!canBecome)(
    'has no launcher where Node can become Bun, and ends when it is killed',
    async () => {
      const { process } = await start()
      expect(await Bun.$`ps -o args= -p ${process.pid}`.quiet().text()).toContain('/bin/bun --no-install')
      const chain = await descendants(process.pid)
      process.kill('SIGKILL')
      await allGone(chain)
    },
  )

  test.each([
    ['below its launcher', asParent],
    ['as it was started', []],
  ])('%s it ends in order on SIGTERM', async (_, nodeOptions) => {
    const { process } = await start(...nodeOptions)
    const chain = await descendants(process.pid)
    process.kill('SIGTERM')
    expect(await process.exited).toBe(0)
    await allGone(chain)
  })
})

test('ends with npm, which hands no SIGTERM on', async () => {
  const npm = Bun.spawn(['npm', 'start', '--', '--json', '--home', testHome, '--listen', '127.0.0.1:0'], {
    cwd: join(import.meta.dir, '..'),
    stdout: 'pipe',
    stderr: 'ignore',
  })
  for await (const bytes of npm.stdout) if (new TextDecoder().decode(bytes).includes('"url"')) break
  const chain = await descendants(npm.pid)
  npm.kill('SIGTERM')
  await allGone(chain)
  expect(chain.length).toBeGreaterThan(1)
})

test('the key file can be read by its owner alone', async () => {
  expect((await stat(join(testHome, 'key'))).mode & 0o777).toBe(0o600)
})

const canUnshare =
  Bun.which('unshare') !== null && Bun.spawnSync(['unshare', '-n', 'ip', 'link', 'set', 'lo', 'up']).success

// Needs root and Linux: a network namespace that has nothing but its own loopback.
test.skipIf(!canUnshare)(
  'the second start needs no network: a namespace without a route gets an answer',
  async () => {
    const script = `
    ip link set lo up
    node ${launcher} serve --json --home ${testHome} --listen 127.0.0.1:4990 >started 2>/dev/null & pid=$!
    while ! curl -sf http://127.0.0.1:4990/ready >/dev/null; do kill -0 $pid || exit 1; sleep 0.1; done
    curl -s http://127.0.0.1:4990/v1/chat/completions -H "authorization: Bearer $(cat ${testHome}/key)" \\
      -d '{"model":"small","max_tokens":4,"messages":[{"role":"user","content":"Say hello."}]}'
    kill $pid; wait $pid`
    const cwd = await Bun.$`mktemp -d`.text()
    const run = Bun.spawn(['unshare', '-n', 'sh', '-c', script], {
      cwd: cwd.trim(),
      stdout: 'pipe',
      stderr: 'ignore',
    })
    const answer = JSON.parse(await new Response(run.stdout).text()) as { object: string }
    expect(answer.object).toBe('chat.completion')
  },
)
