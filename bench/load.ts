import { writeFileSync } from 'node:fs'

import type { Ask } from './ask.ts'
import { output, runFolder } from './child.ts'

export interface Load {
  /** Answered with 2xx. */
  readonly answered: number
  readonly failed: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Keeps so many connections busy for so many seconds with wrk: one request under way on each. */
export async function load(ask: Ask, connections: number, seconds: number): Promise<Load> {
  const script = `${runFolder}load.lua`
  writeFileSync(script, luaOf(ask))
  const command = [
    'wrk',
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '--timeout',
    '10s',
    '-s',
    script,
    ask.url,
  ]
  const line = (await output(command, seconds + 30))
    .split('\n')
    .find((text) => text.startsWith('{"requests"'))
  if (line === undefined) throw new Error('wrk printed no figures')
  const { requests, refused, broken, micros, p50, p99 } = JSON.parse(line) as Record<string, number> & Wrk
  return {
    answered: requests - refused,
    failed: refused + broken,
    perSecond: ((requests - refused) * 1e6) / micros,
    p50Ms: p50 / 1000,
    p99Ms: p99 / 1000,
  }
}

interface Wrk {
  readonly requests: number
  readonly refused: number
  readonly broken: number
  readonly micros: number
  readonly p50: number
  readonly p99: number
}

const quoted = (text: string): string => `[==[${text}]==]`

const luaOf = ({ headers, body }: Ask): string => `
wrk.method = 'POST'
wrk.body = ${quoted(body)}
${Object.entries(headers)
  .map(([name, value]) => `wrk.headers[ ${quoted(name)} ] = ${quoted(value)}`)
  .join('\n')}
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\\n{"requests":%d,"refused":%d,"broken":%d,"micros":%d,"p50":%d,"p99":%d}\\n',
    summary.requests, e.status, e.connect + e.read + e.write + e.timeout, summary.duration,
    latency:percentile(50), latency:percentile(99)))
end
`
