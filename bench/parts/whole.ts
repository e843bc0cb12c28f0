import { inTurns, medians, runnersFor, sample } from '../bench.ts'
import type { Bench, Sample } from '../bench.ts'
import { atLeast, atMost } from '../report.ts'
import type { Part, Table } from '../report.ts'
import { wholeText } from '../upstreams/upstream.ts'

/** Whole answers at 1, 10 and 64 connections: CPU a request first, because the machine is shared with the load. */
export async function wholeAnswers({ plan, upstreams, gateways, say }: Bench): Promise<Part> {
  const { runners, unable } = await runnersFor(gateways, upstreams.whole, wholeText)
  for (const runner of runners) await sample(runner, 10, plan.warmUp)

  const rows: Table['rows'][number][] = []
  const figures = new Map<string, Sample>()
  for (const connections of [1, 10, 64]) {
    say(`whole answers, ${connections} connections`)
    const samples = await inTurns(runners, plan.rounds, (runner) => sample(runner, connections, plan.load))
    for (const [{ gateway }, ofOne] of samples) {
      const figure = medians(ofOne)
      figures.set(`${gateway.name} ${connections}`, figure)
      rows.push({
        gateway: gateway.name,
        connections,
        'CPU µs/request': figure.cpuMicrosPerRequest,
        'requests/s': figure.perSecond,
        'p50 ms': figure.p50Ms,
        'p99 ms': figure.p99Ms,
        'RSS MB': figure.rssMb,
        failed: figure.failed,
      })
    }
  }

  const times = (connections: number, of: string, to: string): number | undefined => {
    const [one, other] = [figures.get(`${of} ${connections}`), figures.get(`${to} ${connections}`)]
    return one && other && one.cpuMicrosPerRequest / other.cpuMicrosPerRequest
  }
  const [ours, floor] = [figures.get('inhouse 1'), figures.get('nginx 1')]
  return {
    goals: [
      atMost('CPU a request, 10 connections, against nginx', times(10, 'inhouse', 'nginx'), 2.5, '×'),
      atMost('CPU a request, 64 connections, against nginx', times(64, 'inhouse', 'nginx'), 2.5, '×'),
      atLeast(
        'Portkey’s CPU a request against ours, 10 connections',
        times(10, 'Portkey', 'inhouse'),
        15,
        '×',
      ),
      atLeast(
        'LiteLLM’s CPU a request against ours, 10 connections',
        times(10, 'LiteLLM', 'inhouse'),
        120,
        '×',
      ),
      atMost('added p50 over nginx, 1 connection', ours && floor && ours.p50Ms - floor.p50Ms, 0.15, 'ms'),
    ],
    tables: [
      {
        title: 'Whole answers',
        note: `A chat request with a prompt of 900 bytes; the mock upstream is nginx with a fixed answer. Load by \`wrk\`, ${plan.rounds} rounds of ${plan.load} s in turns, medians. CPU is that of the gateway’s whole process tree.`,
        rows: [...rows, ...[...unable].map(([gateway, why]) => ({ gateway, note: why }))],
      },
      {
        title: 'What is switched on',
        note: 'Every gateway runs alone in its own process on its default settings but for these.',
        rows: gateways.map(({ name, version, settings }) => ({ gateway: name, version, settings })),
      },
    ],
  }
}
