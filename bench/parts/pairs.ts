import { prompt } from '../ask.ts'
import { inTurns, medians, sample } from '../bench.ts'
import type { Bench, Runner } from '../bench.ts'
import { Crowd } from '../crowd.ts'
import { spentBy } from '../cpu.ts'
import { installWith } from '../peers/inhouse.ts'
import { atMost } from '../report.ts'
import type { Cell, Part } from '../report.ts'
import { median } from '../statistics.ts'
import { steadyEveryMs } from '../upstreams/upstream.ts'

const streams = 300
const mostChunkMicros = 40
const mostTimes = 1.5

interface Surface {
  readonly path: string
  readonly lines: 'sse' | 'ndjson'
  readonly body: object
}

const messages = [{ role: 'user', content: prompt }]
const surfaces: Readonly<Record<string, Surface>> = {
  'openai-chat': { path: '/v1/chat/completions', lines: 'sse', body: { messages, max_tokens: 4000 } },
  'openai-responses': {
    path: '/v1/responses',
    lines: 'sse',
    body: { input: prompt, max_output_tokens: 4000, store: false },
  },
  'anthropic-messages': { path: '/v1/messages', lines: 'sse', body: { messages, max_tokens: 4000 } },
  'ollama-chat': { path: '/api/chat', lines: 'ndjson', body: { messages, options: { num_predict: 4000 } } },
}

/** Rows of `backends`, by the dialect that the mock speaks there. */
const backends = (url: string): Readonly<Record<string, object>> => ({
  openai: { kind: 'openai-compatible', url: `${url}/v1` },
  responses: { kind: 'openai', url: `${url}/v1`, api: 'responses', apiKey: 'bench' },
  anthropic: { kind: 'anthropic', url, apiKey: 'bench' },
  ollama: { kind: 'ollama', url },
  gemini: { kind: 'gemini', url: `${url}/v1beta`, apiKey: 'bench' },
})

/** Each surface with each backend: what a chunk costs, and what a whole answer does on the way between two dialects. */
export async function pairs({ options, plan, upstreams, say }: Bench): Promise<Part> {
  const shared = { place: 'local', ask: 'same', concurrency: streams }
  const rows = Object.entries(backends(upstreams.steady.url))
  const whole = ['whole', { kind: 'openai-compatible', url: `${upstreams.whole.url}/v1` }] as const
  const installed = installWith(options.program, 'inhouse-pairs', {
    backends: Object.fromEntries([...rows, whole].map(([name, row]) => [name, { ...row, ...shared }])),
    models: Object.fromEntries([...rows, whole].map(([name]) => [name, { backend: name }])),
  })
  await using child = installed.serve()
  await child.untilAnswers(installed.health, 30)
  const askOf = ({ path, body }: Surface, model: string, stream: boolean) =>
    installed.post(path, JSON.stringify({ model, ...body, stream }))

  const found: { surface: string; backend: string; micros: number }[] = []
  for (const [backend] of rows) {
    for (const [surface, it] of Object.entries(surfaces)) {
      say(`${streams} streams, ${surface} → ${backend}`)
      using crowd = await Crowd.join(askOf(it, backend, true), streams, it.lines)
      await crowd.watch(plan.warmUp / 2)
      const { result, cpuMicros } = await spentBy(child.pid, () => crowd.watch(plan.watch / 2))
      if (result.broken > 0) throw new Error(`${surface} → ${backend}: ${result.broken} streams broke`)
      found.push({ surface, backend, micros: cpuMicros / result.chunks })
    }
  }

  say('whole answers, openai-chat and anthropic-messages → openai')
  const gateway = { name: 'inhouse', version: '', settings: '', child, ask: () => undefined }
  const runnerFor = (surface: string): Runner => {
    const it = surfaces[surface]
    if (it === undefined) throw new Error(`no surface ${surface}`)
    return { gateway, ask: askOf(it, 'whole', false) }
  }
  const runners = [runnerFor('openai-chat'), runnerFor('anthropic-messages')]
  for (const runner of runners) await sample(runner, 10, plan.warmUp)
  const samples = await inTurns(runners, plan.rounds, (runner) => sample(runner, 10, plan.load / 2))
  const wholes = [...samples.values()]
  const [same = [], other = []] = wholes.map((ofOne) => ofOne.map((each) => each.cpuMicrosPerRequest))
  const times = median(other.map((micros, round) => micros / (same[round] ?? Number.NaN)))

  const worst = found.reduce((a, b) => (b.micros > a.micros ? b : a))
  return {
    goals: [
      atMost(
        `CPU a chunk, the dearest pair (${worst.surface} → ${worst.backend})`,
        worst.micros,
        mostChunkMicros,
        'µs',
      ),
      atMost('CPU of a whole answer, Anthropic → OpenAI against OpenAI → OpenAI', times, mostTimes, '×'),
    ],
    tables: [
      {
        title: 'Every surface with every backend',
        note: `CPU µs a chunk: ${streams} streams at ${1000 / steadyEveryMs} chunks a second each, every chunk on its own, one window of ${plan.watch / 2} s a pair.`,
        rows: Object.keys(surfaces).map((surface) => ({
          surface,
          ...(Object.fromEntries(
            found.filter((each) => each.surface === surface).map(({ backend, micros }) => [backend, micros]),
          ) as Record<string, Cell>),
        })),
      },
      {
        title: 'Whole answers between two dialects',
        note: `As above under whole answers, 10 connections; the two ways in turns, ${plan.rounds} rounds of ${plan.load / 2} s, medians.`,
        rows: ['openai-chat → openai', 'anthropic-messages → openai'].map((way, at) => ({
          way,
          'CPU µs/request': medians(wholes[at] ?? []).cpuMicrosPerRequest,
        })),
      },
    ],
  }
}
