import { beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { agentPath, agents, installTimeoutMs, type Agent } from './testing/agents.ts'
import type { Call, Said } from './testing/contract/cases.ts'
import type { ContractUpstream } from './testing/contract/upstream.ts'
import { anthropicUpstream } from './testing/contract/upstreams/anthropic.ts'
import { openAiResponsesUpstream } from './testing/contract/upstreams/openai-responses.ts'
import { openAiUpstream } from './testing/contract/upstreams/openai.ts'
import { FakeModel, type Received } from './testing/fake-model.ts'
import { startTestApp, type TestApp } from './testing/test-app.ts'

/** How an agent is asked without its window, and the tool with which it runs a command. */
interface Scene {
  readonly agent: Agent
  /** As `inhouse connect` calls it. */
  readonly tool: string
  readonly args: readonly string[]
  readonly call: (command: string) => Omit<Call, 'id'>
  readonly env?: Readonly<Record<string, string>>
}

const scenes: readonly Scene[] = [
  {
    agent: agents.claude,
    tool: 'claude-code',
    args: ['-p', 'What is the sum?', '--allowedTools', 'Bash'],
    call: (command) => ({ name: 'Bash', input: { command, description: 'Adds up' } }),
    env: { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' },
  },
  {
    agent: agents.codex,
    tool: 'codex',
    args: ['exec', '--skip-git-repo-check', '--sandbox', 'danger-full-access', 'What is the sum?'],
    call: (command) => ({ name: 'exec_command', input: { cmd: command } }),
  },
  {
    agent: agents.opencode,
    tool: 'opencode',
    args: ['run', 'What is the sum?'],
    call: (command) => ({ name: 'bash', input: { command, description: 'Adds up' } }),
    env: { OPENCODE_DISABLE_AUTOUPDATE: '1', OPENCODE_DISABLE_MODELS_FETCH: '1' },
  },
]

const usage = { input: 21, cached: 0, output: 5 }
const says = (text: string): Said => ({ pieces: [{ text }], finish: 'stop', usage })
/** Only who runs it knows what comes out. */
const command = 'echo sum-$((1230000 + 4567))'
const result = 'sum-1234567'

/** Asks for the tool, and then says what came out of it. Background questions come without tools. */
const answerOf = (scene: Scene, upstream: ContractUpstream) => (request: Received) => {
  // What inhouse wants to know of it beside the calls.
  if (request.method !== 'POST') return { status: 404, chunks: ['{}'] }
  const aside = upstream.aside?.(request)
  if (aside !== undefined) return aside
  const { tools, turns } = upstream.asked(request)
  const call = { id: 'call_1', ...scene.call(command) }
  if (!tools.includes(call.name)) return upstream.answer(says('Sums'), request)
  if (turns.some((turn) => turn.includes(result))) return upstream.answer(says(`It is ${result}.`), request)
  return upstream.answer({ pieces: [{ text: 'I add.' }, { call }], finish: 'tool-calls', usage }, request)
}

const launcher = join(import.meta.dir, '..', 'bin', 'inhouse.js')

describe.skipIf(process.env['INHOUSE_HEAVY'] === undefined)('real agents', () => {
  for (const scene of scenes) {
    describe(`${scene.agent.package} ${scene.agent.version}`, () => {
      let folder: string
      beforeAll(async () => {
        folder = await agentPath(scene.agent)
      }, installTimeoutMs)

      for (const upstream of [openAiUpstream, anthropicUpstream, openAiResponsesUpstream])
        test(`launched, it calls a tool and goes on with its result, from ${upstream.id}`, async () => {
          await using stage = await Stage.open(scene, upstream, folder)
          const args = ['launch', scene.agent.program, '--model', 'm', '--', ...scene.args]
          const ran = await stage.inhouse(args)
          expect(ran).toMatchObject({ code: 0, out: expect.stringContaining(`It is ${result}.`) as string })
          await stage.mustHaveStreamed()
        })

      test('connected, it does the same by itself, and undone it asks inhouse no more', async () => {
        await using stage = await Stage.open(scene, openAiUpstream, folder)
        expect(await stage.inhouse(['connect', scene.tool, '--model', 'm', '--yes'])).toMatchObject({
          code: 0,
        })
        const ran = await stage.run([join(folder, scene.agent.program), ...scene.args])
        expect(ran).toMatchObject({ code: 0, out: expect.stringContaining(`It is ${result}.`) as string })
        await stage.mustHaveStreamed()
        expect(await stage.inhouse(['connect', scene.tool, '--undo', '--yes'])).toMatchObject({ code: 0 })
        expect(await stage.inhouse(['connect', '--json'])).toMatchObject({
          out: expect.stringContaining('"connected": null') as string,
        })
      })

      test('launched, it asks inhouse where its own settings name another server', async () => {
        await using stage = await Stage.open(scene, openAiUpstream, folder)
        const elsewhere = { INHOUSE_LISTEN: '127.0.0.1:9' }
        const connected = await stage.inhouse(['connect', scene.tool, '--model', 'm', '--yes'], elsewhere)
        expect(connected).toMatchObject({ code: 0 })
        const ran = await stage.inhouse(['launch', scene.agent.program, '--', ...scene.args])
        expect(ran).toMatchObject({ code: 0, out: expect.stringContaining(`It is ${result}.`) as string })
      })
    })
  }
})

/** An inhouse before a scripted model, and a user's home with nothing in it. */
class Stage implements AsyncDisposable {
  readonly #scene: Scene
  readonly #folder: string
  readonly #model: FakeModel
  readonly #app: TestApp
  readonly #home: string

  private constructor(scene: Scene, folder: string, model: FakeModel, app: TestApp, home: string) {
    this.#scene = scene
    this.#folder = folder
    this.#model = model
    this.#app = app
    this.#home = home
  }

  static async open(scene: Scene, upstream: ContractUpstream, folder: string): Promise<Stage> {
    const model = await FakeModel.start(answerOf(scene, upstream))
    const app = await startTestApp(`
retries: { attempts: 1 }
backends: { one: { kind: ${upstream.backend}, place: local, ${upstream.row(model.url)} } }
models: { m: { backend: one } }`)
    return new Stage(scene, folder, model, app, await mkdtemp(join(tmpdir(), 'inhouse-agent-')))
  }

  inhouse(args: readonly string[], env = {}): Promise<Ran> {
    return this.run(['node', launcher, ...args], env)
  }

  async run(line: readonly string[], env = {}): Promise<Ran> {
    const child = Bun.spawn([...line], {
      cwd: this.#home,
      env: {
        HOME: this.#home,
        PATH: `${this.#folder}:${process.env['PATH'] ?? ''}`,
        INHOUSE_HOME: this.#app.home,
        INHOUSE_LISTEN: new URL(this.#app.app.url).host,
        ...this.#scene.env,
        ...env,
      },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const [out, err, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ])
    return { code, out, err }
  }

  /** Its turns were asked for as streams, and stand in the ledger under a key of the tool's own. */
  async mustHaveStreamed(): Promise<void> {
    const turns = this.#model.received.filter(({ method }) => method === 'POST')
    expect(turns.length).toBeGreaterThanOrEqual(2)
    expect(turns.map((turn) => turn.json()['stream'])).toEqual(turns.map(() => true))
    const entries = await this.#app.entries(turns.length)
    const keys = JSON.parse((await this.inhouse(['keys', 'list', '--json'])).out) as {
      id: string
      name: string
    }[]
    const own = keys.find(({ name }) => name === `connect-${this.#scene.tool}`)?.id
    expect(entries.map(({ outcome, key }) => [outcome, key])).toEqual(entries.map(() => ['done', own ?? '']))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#app[Symbol.asyncDispose]()
    await this.#model[Symbol.asyncDispose]()
    await rm(this.#home, { recursive: true, force: true })
  }
}

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}
