import { answerOf } from '../ask.ts'
import type { Bench } from '../bench.ts'
import { output } from '../child.ts'
import { install } from '../peers/inhouse.ts'
import type { Installed } from '../peers/inhouse.ts'
import { atMost } from '../report.ts'
import type { Part } from '../report.ts'
import { median } from '../statistics.ts'
import type { Upstream } from '../upstreams/upstream.ts'

/** From nothing to the first answer, and the time of the smallest command. */
export async function starts({ options, plan, upstreams, gateways, say }: Bench): Promise<Part> {
  const first: number[] = []
  const later: number[] = []
  const version: number[] = []
  if (gateways.some(({ name }) => name === 'inhouse')) {
    say('starts')
    for (let turn = 0; turn < plan.starts; turn += 1) {
      const installed = install(options.program, `start-${turn}`, [upstreams.whole])
      first.push(await firstAnswerMs(installed, upstreams.whole))
      later.push(await firstAnswerMs(installed, upstreams.whole))
      const start = performance.now()
      await output(['node', options.program, '--version'])
      version.push(performance.now() - start)
    }
  }
  return {
    goals: [
      atMost('cold start to the first answer from a mock, empty home', median(first), 500, 'ms'),
      atMost('cold start to the first answer from a mock, home there already', median(later), 500, 'ms'),
      atMost('`inhouse --version`', median(version), 150, 'ms'),
    ],
    tables: [],
  }
}

/** From the start of the launcher until a chat request is answered; tried again until there is a key and a listener. */
async function firstAnswerMs(installed: Installed, upstream: Upstream): Promise<number> {
  const start = performance.now()
  await using child = installed.serve()
  return await child.until(async () => {
    await answerOf(installed.ask(upstream))
    return performance.now() - start
  }, 30)
}
