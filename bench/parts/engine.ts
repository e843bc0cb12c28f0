import type { Ask } from '../ask.ts'
import type { Bench } from '../bench.ts'
import { engineKey, engineName, engineSlots, startEngine } from '../engine.ts'
import { inhouse } from '../peers/inhouse.ts'
import { atLeast, atMost } from '../report.ts'
import type { Part } from '../report.ts'
import { median } from '../statistics.ts'
import type { Upstream } from '../upstreams/upstream.ts'

const tokens = 96

/** The same engine asked directly and through inhouse, in turns. */
export async function realEngine({ options, plan, gateways, say }: Bench): Promise<Part> {
  if (!options.engine || !gateways.some(({ name }) => name === 'inhouse')) return partOf([])
  say('a real engine')
  const engine = await startEngine()
  await using _engine = engine.child
  const upstream: Upstream = { name: 'small', dialect: 'openai', stream: true, url: engine.url }
  const key = { apiKey: engineKey }
  const gateway = await inhouse(options.program, 'inhouse-engine', key).start([upstream])
  await using _gateway = gateway.child
  const through = gateway.ask(upstream)
  if (through === undefined) throw new Error('inhouse cannot ask the engine')
  const direct: Ask = {
    url: `${engine.url}/v1/chat/completions`,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${engineKey}` },
    body: '',
  }
  const lines: Line[] = []
  for (const streams of [1, engineSlots]) {
    await answerTogether(direct, streams, 8)
    await answerTogether(through, streams, 8)
    const rounds: { readonly direct: Speed; readonly through: Speed }[] = []
    for (let round = 0; round < plan.rounds * 2; round += 1) {
      // Whoever comes second finds a warmer machine: so the order changes.
      const firstDirect = round % 2 === 0 ? await answerTogether(direct, streams, tokens) : undefined
      const ours = await answerTogether(through, streams, tokens)
      rounds.push({ through: ours, direct: firstDirect ?? (await answerTogether(direct, streams, tokens)) })
    }
    const middle = (pick: (round: (typeof rounds)[number]) => number): number => median(rounds.map(pick))
    lines.push({
      streams,
      'direct tokens/s': middle((round) => round.direct.perSecond),
      'through inhouse tokens/s': middle((round) => round.through.perSecond),
      ratio: middle((round) => round.through.perSecond / round.direct.perSecond),
      'direct first token ms': middle((round) => round.direct.firstMs),
      'through inhouse first token ms': middle((round) => round.through.firstMs),
      'added first token ms': middle((round) => round.through.firstMs - round.direct.firstMs),
    })
  }
  return partOf(lines)
}

type Line = {
  readonly streams: number
  readonly ratio: number
  readonly 'added first token ms': number
} & Readonly<Record<string, number>>

function partOf(lines: readonly Line[]): Part {
  const [one, many] = lines
  const note = `${engineName}, on the CPU, ${engineSlots} slots; ${tokens} tokens an answer, greedy; prompts are in the engine’s cache. The engine was asked directly and through inhouse in turns; the ratio is the median over pairs.`
  return {
    goals: [
      atLeast('tokens/s through inhouse against directly, 1 stream (--engine)', one?.ratio, 0.97, '×'),
      atLeast(`tokens/s through inhouse against directly, ${engineSlots} streams`, many?.ratio, 0.97, '×'),
      atMost('added time to the first token, 1 stream', one?.['added first token ms'], 5, 'ms'),
    ],
    tables: lines.length === 0 ? [] : [{ title: 'Real engine', note, rows: lines }],
  }
}

interface Speed {
  /** Of all streams together. */
  readonly perSecond: number
  /** Milliseconds to the first text, the median of the streams. */
  readonly firstMs: number
}

async function answerTogether(ask: Ask, streams: number, count: number): Promise<Speed> {
  const start = performance.now()
  const each = await Promise.all(Array.from({ length: streams }, (_, i) => answer(ask, i, count)))
  const seconds = (performance.now() - start) / 1000
  const made = each.reduce((sum, one) => sum + one.tokens, 0)
  return { perSecond: made / seconds, firstMs: median(each.map(({ firstMs }) => firstMs)) }
}

/** One streamed answer of exactly so many tokens. */
async function answer(ask: Ask, which: number, count: number): Promise<{ tokens: number; firstMs: number }> {
  const body = JSON.stringify({
    model: 'small',
    messages: [{ role: 'user', content: `Write story number ${which} about a lighthouse.` }],
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: count,
    temperature: 0,
    ignore_eos: true,
  })
  const start = performance.now()
  const signal = AbortSignal.timeout(120_000)
  // llama-server closes idle connections without a word, just when one would be used again.
  const reply = await fetch(ask.url, { method: 'POST', headers: ask.headers, body, keepalive: false, signal })
  if (!reply.ok || reply.body === null) throw new Error(`the engine answered ${reply.status}`)
  let firstMs: number | undefined
  let text = ''
  const decoder = new TextDecoder()
  for await (const bytes of reply.body) {
    text += decoder.decode(bytes, { stream: true })
    if (firstMs === undefined && /"content":"[^"]/.test(text)) firstMs = performance.now() - start
  }
  const made = Number(/"completion_tokens": ?(\d+)/.exec(text)?.[1])
  if (firstMs === undefined || made !== count) throw new Error(`the engine gave ${made} tokens, not ${count}`)
  return { tokens: made, firstMs }
}
