import { runnersFor, sample } from '../bench.ts'
import type { Bench } from '../bench.ts'
import { treeOf } from '../child.ts'
import { rssMb } from '../cpu.ts'
import { inhouse } from '../peers/inhouse.ts'
import { atLeast, atMost } from '../report.ts'
import type { Part } from '../report.ts'
import { median } from '../statistics.ts'
import { wholeText } from '../upstreams/upstream.ts'

const wanted = 1_000_000
/** What is still being warmed up. */
const settled = 100_000

/**
 * A million requests through an inhouse of its own, and its memory after every few seconds of them: the one of the other
 * parts keeps what a thousand streams took.
 */
export async function soak({ options, upstreams, say }: Bench): Promise<Part> {
  if (!options.soak) return partOf(undefined, [])
  const gateway = await inhouse(options.program, 'soak').start([upstreams.whole])
  await using child = gateway.child
  const { runners } = await runnersFor([gateway], upstreams.whole, wholeText)
  const [runner] = runners
  if (runner === undefined) return partOf(undefined, [])
  say(`${wanted.toLocaleString('en')} requests`)
  const memory: { readonly requests: number; readonly rss: number; readonly launcher: number }[] = []
  let requests = 0
  const deadline = performance.now() + 10 * 60_000
  while (requests < wanted && performance.now() < deadline) {
    requests += (await sample(runner, 64, 5)).answered
    const tree = treeOf(child.pid)
    // Where Node became the program, the tree is one process and none of it a launcher.
    const launcher = tree.length === 1 ? 0 : rssMb(tree.slice(0, 1))
    memory.push({ requests, rss: rssMb(tree), launcher })
  }
  const level = memory.filter((point) => point.requests >= settled).map(({ rss }) => rss)
  const middle = median(level)
  const swing = Math.max(...level.map((rss) => Math.abs(rss - middle) / middle)) * 100
  const tenths = memory.filter((_, i) => i % Math.ceil(memory.length / 10) === 0 || i === memory.length - 1)
  return partOf(
    { swing, highest: Math.max(...level), requests },
    tenths.map((point) => ({
      requests: point.requests,
      'RSS MB': point.rss,
      'of it the launcher MB': point.launcher,
    })),
  )
}

interface Memory {
  readonly swing: number
  readonly highest: number
  readonly requests: number
}

const partOf = (memory: Memory | undefined, rows: Readonly<Record<string, number>>[]): Part => ({
  goals: [
    atLeast('requests in a row for the memory figures (--soak)', memory?.requests, wanted, ''),
    atMost('memory over them: farthest from its median, after the first 100,000', memory?.swing, 10, '%'),
    atMost('memory over them: highest, launcher and gateway together', memory?.highest, 150, 'MB'),
  ],
  tables:
    rows.length === 0
      ? []
      : [
          {
            title: 'Memory over a million requests',
            note: 'Whole answers at 64 connections; resident memory of the whole process tree, the npm launcher included: Node before 22.15 stays as the parent of the program, later ones become it.',
            rows,
          },
        ],
})
