import type { Ask } from '../ask.ts'
import { medians } from '../bench.ts'
import type { Bench } from '../bench.ts'
import { Crowd } from '../crowd.ts'
import { spentBy } from '../cpu.ts'
import type { Plan } from '../options.ts'
import type { Gateway } from '../peers/peer.ts'
import { atMost } from '../report.ts'
import type { Part, Table } from '../report.ts'
import { median, quantile } from '../statistics.ts'
import { steadyEveryMs } from '../upstreams/upstream.ts'
import type { Upstream } from '../upstreams/upstream.ts'

const streams = 1000

/** Somebody to read from: a gateway, or the mock itself. */
interface Source {
  readonly name: string
  readonly ask: Ask
  readonly gateway: Gateway | undefined
}

/** A type, not an interface, so that `medians` can see that all of it are numbers. */
type Figures = {
  readonly p50: number
  readonly p99: number
  readonly cpuMicrosPerChunk: number
  readonly rssMb: number
  readonly perSecond: number
  readonly broken: number
  readonly slowestHealthMs: number
}

/** A thousand people reading at once: each chunk is a read and a write of its own. */
export async function steadyStreams(bench: Bench): Promise<Part> {
  const { upstreams, say } = bench
  const rows: Table['rows'][number][] = []
  const ours = new Map<Upstream, Figures & { readonly addedMs: number }>()
  for (const upstream of [upstreams.steady, upstreams.steadyAnthropic]) {
    const way = upstream.dialect === 'openai' ? 'OpenAI → OpenAI' : 'Anthropic → OpenAI'
    say(`${streams} streams, ${way}`)
    const found = await watchInTurns(bench, sourcesFor(bench, upstream))
    const direct = found.get('nobody') ?? []
    for (const [gateway, ofOne] of found) {
      const figures = medians(ofOne)
      // Each round is held against the direct one of the same round.
      const addedMs = median(ofOne.map(({ p99 }, round) => p99 - (direct[round]?.p99 ?? Number.NaN)))
      if (gateway === 'inhouse') ours.set(upstream, { ...figures, addedMs })
      const isGateway = gateway !== 'nobody'
      rows.push({
        'between client and mock': gateway,
        way: isGateway ? way : `${way.split(' ')[0]} mock`,
        'CPU µs/chunk': isGateway ? figures.cpuMicrosPerChunk : undefined,
        'chunks/s': figures.perSecond,
        'gap p50 ms': figures.p50,
        'gap p99 ms': figures.p99,
        'added p99 ms': isGateway ? addedMs : undefined,
        'slowest /health ms': Number.isNaN(figures.slowestHealthMs) ? undefined : figures.slowestHealthMs,
        'RSS MB': isGateway ? figures.rssMb : undefined,
        'broken streams': figures.broken,
      })
    }
  }
  const [same, translated] = [ours.get(upstreams.steady), ours.get(upstreams.steadyAnthropic)]
  const worst = same && translated && Math.max(same.addedMs, translated.addedMs)
  return {
    goals: [
      atMost('CPU a chunk, byte-faithful, each chunk on its own', same?.cpuMicrosPerChunk, 25, 'µs'),
      atMost(
        'CPU a chunk, Anthropic → OpenAI, each chunk on its own',
        translated?.cpuMicrosPerChunk,
        40,
        'µs',
      ),
      atMost(`p99 gap added with ${streams} streams, the worse of both`, worst, 20, 'ms'),
    ],
    tables: [
      {
        title: `${streams.toLocaleString('en')} streams at ${1000 / steadyEveryMs} chunks a second each`,
        note: `Each chunk comes on its own, so it is a read and a write of its own. The gap is the time between two arrivals at the client, over windows of ${bench.plan.watch} s, ${bench.plan.rounds} rounds in turns; the same client on the mock itself is the measure. Mock, gateway and client share the cores. /health is asked ten times a second meanwhile: its slowest answer shows the longest stop of the loop.`,
        rows,
      },
    ],
  }
}

function sourcesFor({ gateways }: Bench, upstream: Upstream): Source[] {
  const path = upstream.dialect === 'openai' ? '/v1/chat/completions' : '/v1/messages'
  const direct: Source = {
    name: 'nobody',
    ask: { url: upstream.url + path, headers: { 'content-type': 'application/json' }, body: '{}' },
    gateway: undefined,
  }
  const measured = gateways.filter(({ name }) => name === 'nginx' || name === 'inhouse')
  return [
    direct,
    ...measured.flatMap((gateway) => {
      const ask = gateway.ask(upstream)
      return ask === undefined ? [] : [{ name: gateway.name, ask, gateway }]
    }),
  ]
}

async function watchInTurns({ plan }: Bench, sources: readonly Source[]): Promise<Map<string, Figures[]>> {
  const found = new Map<string, Figures[]>(sources.map(({ name }) => [name, []]))
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const source of sources) found.get(source.name)?.push(await watchOnce(source, plan))
  }
  return found
}

async function watchOnce({ ask, gateway }: Source, { warmUp, watch: seconds }: Plan): Promise<Figures> {
  using crowd = await Crowd.join(ask, streams)
  await crowd.watch(warmUp)
  const both = async () => Promise.all([crowd.watch(seconds), slowestHealth(gateway?.health, seconds)])
  const { result, cpuMicros, rssMb } = await spentBy(gateway?.child.pid ?? process.pid, both)
  const [{ gapsMs, chunks, broken }, slowestHealthMs] = result
  return {
    p50: median(gapsMs),
    p99: quantile(gapsMs, 0.99),
    cpuMicrosPerChunk: cpuMicros / chunks,
    perSecond: chunks / seconds,
    rssMb,
    broken,
    slowestHealthMs,
  }
}

/** Milliseconds; NaN when there is nothing to ask. */
async function slowestHealth(url: string | undefined, seconds: number): Promise<number> {
  if (url === undefined) return Number.NaN
  let slowest = 0
  const until = performance.now() + (seconds - 0.1) * 1000
  while (performance.now() < until) {
    const start = performance.now()
    await (await fetch(url)).text()
    slowest = Math.max(slowest, performance.now() - start)
    await Bun.sleep(100)
  }
  return slowest
}
