import { inTurns, medians, runnersFor, sample } from '../bench.ts'
import type { Bench } from '../bench.ts'
import type { Part, Table } from '../report.ts'
import { burstChunks, streamText } from '../upstreams/upstream.ts'

/** Streamed answers that the upstream sends in one go: the cost of framing without the cost of waiting. */
export async function bursts({ plan, upstreams, gateways, say }: Bench): Promise<Part> {
  const rows: Table['rows'][number][] = []
  for (const upstream of [upstreams.burst, upstreams.burstAnthropic]) {
    const way = upstream.dialect === 'openai' ? 'OpenAI → OpenAI' : 'Anthropic → OpenAI'
    say(`streams in one go, ${way}`)
    const { runners, unable } = await runnersFor(gateways, upstream, streamText(burstChunks))
    for (const runner of runners) await sample(runner, 10, plan.warmUp)
    const samples = await inTurns(runners, plan.rounds, (runner) => sample(runner, 10, plan.load))
    for (const [{ gateway }, ofOne] of samples) {
      const figure = medians(ofOne)
      rows.push({
        gateway: gateway.name,
        way,
        'CPU µs/chunk': figure.cpuMicrosPerRequest / burstChunks,
        'CPU µs/answer': figure.cpuMicrosPerRequest,
        'chunks/s': figure.perSecond * burstChunks,
        'p50 ms': figure.p50Ms,
        'p99 ms': figure.p99Ms,
        'RSS MB': figure.rssMb,
        failed: figure.failed,
      })
    }
    rows.push(...[...unable].map(([gateway, why]) => ({ gateway, way, note: why })))
  }
  return {
    goals: [],
    tables: [
      {
        title: 'Streamed answers, all chunks at once',
        note: `${burstChunks} chunks that the mock sends in one write; 10 connections; the whole cost of the request is in its chunks. Many chunks come in one read here, so this is the kindest case for every gateway. nginx passes on only.`,
        rows,
      },
    ],
  }
}
