import type { Entry } from '../account/ledger/entry.ts'
import type { Attempt, Considered, TargetName } from '../core/decision.ts'
import { failures } from '../core/failure.ts'
import type { Count } from '../core/usage.ts'
import { countText, durationText, facts, momentText, table, type Paint } from './print.ts'

/** The report of one request, for people. */
export const entryText = (entry: Entry, key: string, paint: Paint): string => {
  const { decision } = entry
  const parts = [
    `${paint.bold(entry.id)}  ${outcomeText(entry, paint)}\n\n`,
    facts(
      [
        [
          'asked',
          `${entry.askedModel}, ${momentText(entry.at)}, by ${key}${entry.team === undefined ? '' : ` of ${entry.team}`}`,
        ],
        servedText(entry),
        ['through', `${entry.surface} (${entry.operation}), label ${entry.label}`],
        ['tags', entry.tags.join(', ')],
        [
          'why',
          decision.reasons
            .map(({ text }) => text)
            .join('\n')
            .replaceAll('\n', `\n${' '.repeat(13)}`),
        ],
        ['tokens', tokensText(entry)],
        ['time', timesText(entry)],
        ['engine', engineText(entry)],
        ['cost', entry.cost === undefined ? undefined : `${entry.cost.nano / 1e9} ${entry.cost.currency}`],
      ],
      paint,
    ),
    decision.considered.length === 0
      ? ''
      : `\n${paint.bold('Considered')}\n${considered(decision.considered, paint)}`,
    decision.attempts.length === 0 ? '' : `\n${paint.bold('Tried')}\n${attempts(decision.attempts, paint)}`,
  ]
  return parts.join('')
}

const outcomeText = ({ outcome, failure }: Entry, paint: Paint): string => {
  if (outcome === 'done') return paint.green('done')
  if (outcome === 'open') return paint.yellow('under way')
  const why = failure === undefined ? '' : `: ${failure}\n${paint.dim('→')} ${failures[failure].help}`
  const words = { failed: 'failed', left: 'the client left', lost: 'lost: the process that served it died' }
  return `${paint.red(words[outcome])}${why}`
}

/** Who answered, or was to; nobody where nobody may and can. */
const servedText = ({ outcome, servedModel, backend, place }: Entry): [name: string, who: string] => [
  outcome === 'done' ? 'answered by' : 'target',
  backend === '' ? '' : `${servedModel} at ${backend}, place ${place}`,
]

const tokensText = ({ usage }: Entry): string => {
  const said = (name: string, count: Count | undefined): string[] =>
    count === undefined
      ? []
      : [`${countText(count.tokens)} ${name}${count.source === 'reported' ? '' : ` (${count.source})`}`]
  return [
    ...said('in', usage.input),
    ...said('of them cached', usage.cached),
    ...said('written to the cache', usage.cacheWrite),
    ...said('out', usage.output),
    ...said('of them reasoning', usage.reasoning),
  ].join(', ')
}

const times = (pairs: readonly (readonly [ms: number | undefined, what: string])[]): string =>
  pairs.flatMap(([ms, what]) => (ms === undefined ? [] : [`${durationText(ms)} ${what}`])).join(', ')

const timesText = ({ queueMs, firstEventMs, totalMs }: Entry): string =>
  times([
    [queueMs, 'in the queue'],
    [firstEventMs, 'to the first token'],
    [totalMs, 'in all'],
  ])

const engineText = ({ prefillMs, decodeMs }: Entry): string =>
  times([
    [prefillMs, 'reading the prompt'],
    [decodeMs, 'writing'],
  ])

const nameOf = { title: 'ROW', cell: ({ row }: TargetName): string => row }
const whereOf = [
  { title: 'BACKEND', cell: ({ backend }: TargetName): string => backend },
  { title: 'MODEL', cell: ({ model }: TargetName): string => model },
  { title: 'PLACE', cell: ({ place }: TargetName): string => place },
] as const

const considered = (rows: readonly Considered[], paint: Paint): string =>
  table(
    [
      nameOf,
      ...whereOf,
      { title: 'VERDICT', cell: ({ verdict }: Considered) => verdict.replace('-', ' ') },
      { title: 'WHY', cell: ({ reasons }: Considered) => reasons.map(({ text }) => text).join('; ') },
    ],
    rows,
    paint,
  )

const attempts = (rows: readonly Attempt[], paint: Paint): string =>
  table(
    [
      nameOf,
      ...whereOf,
      {
        title: 'OUTCOME',
        cell: ({ outcome, failure, address }: Attempt) =>
          `${outcome}${failure === undefined ? '' : `: ${failure}`}${address === undefined ? '' : ` (${address})`}`,
      },
      { title: 'STATUS', align: 'right' as const, cell: ({ status }: Attempt) => String(status ?? '') },
      { title: 'QUEUE', align: 'right' as const, cell: ({ queueMs }: Attempt) => durationText(queueMs) },
      { title: 'TOOK', align: 'right' as const, cell: ({ tookMs }: Attempt) => durationText(tookMs) },
    ],
    rows,
    paint,
  )
