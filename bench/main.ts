/** The benchmark: `npm run bench -- --help`. Measures on this machine and writes what it found. */
import { mkdirSync, rmSync } from 'node:fs'

import type { Bench } from './bench.ts'
import { runFolder } from './child.ts'
import { thisMachine, toolVersions } from './machine.ts'
import { planOf, readOptions } from './options.ts'
import type { PartName } from './options.ts'
import { bursts } from './parts/bursts.ts'
import { realEngine } from './parts/engine.ts'
import { ledger } from './parts/ledger.ts'
import { pairs } from './parts/pairs.ts'
import { soak } from './parts/soak.ts'
import { starts } from './parts/starts.ts'
import { steadyStreams } from './parts/steady.ts'
import { wholeAnswers } from './parts/whole.ts'
import { startPeers } from './peers/start.ts'
import { reasonOf } from './reason.ts'
import { markdown } from './report.ts'
import type { Part, Report } from './report.ts'
import { startUpstreams } from './upstreams/start.ts'

const longestRunMinutes = 60

const options = readOptions(process.argv.slice(2))
const say = (what: string): void => console.error(`· ${what}`)
setTimeout(() => {
  say(`not done after ${longestRunMinutes} minutes: given up`)
  process.exit(1)
}, longestRunMinutes * 60_000).unref()

const machine = thisMachine()
const tools = await toolVersions()
rmSync(runFolder, { recursive: true, force: true })
mkdirSync(runFolder, { recursive: true })

say('starting the mock upstreams and the gateways')
await using upstreams = await startUpstreams()
await using peers = await startPeers(options, upstreams.all)
const bench: Bench = { options, plan: planOf(options), upstreams, gateways: peers.gateways, say }

const all = {
  whole: wholeAnswers,
  bursts,
  steady: steadyStreams,
  pairs,
  soak,
  engine: realEngine,
  starts,
  ledger,
} as const satisfies Record<PartName, (bench: Bench) => Promise<Part>>
const parts: Part[] = []
const missing = [...peers.missing]
for (const [name, measure] of Object.entries(all)) {
  if (options.only.length > 0 && !options.only.includes(name)) continue
  try {
    parts.push(await measure(bench))
  } catch (error) {
    missing.push(`The part ${name} could not be measured: ${reasonOf(error)}`)
    say(missing.at(-1) ?? '')
  }
}

const report: Report = {
  date: new Date().toISOString().slice(0, 10),
  command: options.command,
  machine,
  versions: { ...tools, ...Object.fromEntries(peers.gateways.map(({ name, version }) => [name, version])) },
  goals: parts.flatMap(({ goals }) => goals),
  tables: parts.flatMap(({ tables }) => tables),
  missing,
}
console.log(options.json ? JSON.stringify(report, undefined, 2) : markdown(report))
if (missing.length > 0) process.exitCode = 1
if (!peers.gateways.some(({ name }) => name === 'inhouse')) {
  say('nothing is written: inhouse itself did not run')
} else if (options.out !== undefined) {
  await Bun.write(options.out, markdown(report))
  say(`written: ${options.out}`)
}
