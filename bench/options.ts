import { parseArgs } from 'node:util'

export interface Options {
  readonly quick: boolean
  readonly json: boolean
  readonly soak: boolean
  readonly engine: boolean
  readonly peers: readonly string[]
  /** Names of parts; empty: all. */
  readonly only: readonly string[]
  readonly program: string
  /** Where the page is written; undefined: nowhere. */
  readonly out: string | undefined
  /** What was typed, for the page. */
  readonly command: string
}

/** How much is measured: the whole or the short version. Times in seconds. */
export interface Plan {
  readonly rounds: number
  readonly warmUp: number
  readonly load: number
  readonly watch: number
  readonly starts: number
  readonly ledgerRows: number
}

const whole: Plan = { rounds: 5, warmUp: 5, load: 4, watch: 6, starts: 9, ledgerRows: 10_000_000 }
const short: Plan = { rounds: 1, warmUp: 1, load: 1, watch: 2, starts: 3, ledgerRows: 100_000 }

const partNames = ['whole', 'bursts', 'steady', 'pairs', 'soak', 'engine', 'starts', 'ledger'] as const
export type PartName = (typeof partNames)[number]

export const planOf = ({ quick }: Options): Plan => (quick ? short : whole)

export const root = new URL('..', import.meta.url).pathname

const help = `npm run bench -- [options]

Measures inhouse beside nginx and Portkey on this machine, and writes docs/benchmarks.md.

  --quick         one round, short windows, about a minute; writes no page unless --out says where
  --peer NAME     one more gateway: litellm (may be given again)
  --soak          a million requests, and the memory over them
  --engine        tokens/s and first token through a real engine with a real model
  --all           all of the above but --quick
  --only PART     one part alone: ${partNames.join(', ')} (may be given again);
                  writes no page unless --out says where
  --program FILE  the inhouse to measure (default bin/inhouse.js)
  --out FILE      where the page goes (default docs/benchmarks.md)
  --json          one JSON document on stdout; everything else goes to stderr

Needs nginx and wrk (Debian: nginx-light, wrk). Other gateways are installed into .bench/ when they are asked for.`

export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      soak: { type: 'boolean', default: false },
      engine: { type: 'boolean', default: false },
      all: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      peer: { type: 'string', multiple: true, default: [] },
      only: { type: 'string', multiple: true, default: [] },
      program: { type: 'string', default: `${root}bin/inhouse.js` },
      out: { type: 'string' },
    },
  })
  if (values.help) {
    console.log(help)
    process.exit(0)
  }
  const { quick, json, all, program, only } = values
  const unknown = only.find((name) => !partNames.some((part) => part === name))
  if (unknown !== undefined) throw new Error(`--only ${unknown}: one of ${partNames.join(', ')}`)
  const isWhole = !quick && only.length === 0
  return {
    quick,
    json,
    program,
    only,
    soak: values.soak || all || only.includes('soak'),
    engine: values.engine || all || only.includes('engine'),
    peers: all ? ['litellm', ...values.peer] : values.peer,
    out: values.out ?? (isWhole ? `${root}docs/benchmarks.md` : undefined),
    command: ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' ').replaceAll(root, ''),
  }
}
