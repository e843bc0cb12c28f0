import { Option, InvalidArgumentError } from 'commander'

import { ledgerReader } from '../../account/ledger/reader.ts'
import { groupings, type Grouping, type UsageReport, type UsageRow } from '../../account/ledger/usage.ts'
import { Failure } from '../../core/failure.ts'
import type { InhouseCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { clock, keyNames, withStore } from '../home-store.ts'
import { atMost, day, words } from '../parse.ts'
import { countText, durationText, table, type Column, type Paint } from '../print.ts'

interface Options {
  readonly by: readonly Grouping[]
  readonly days?: number
  readonly from?: string
  readonly to?: string
}

export const usage = (command: InhouseCommand): void => {
  command
    .description(
      'Adds up what was asked: requests, tokens, times. Days are UTC, both ends included; calls under way are told apart.',
    )
    .addOption(
      new Option('--by <what>', 'one or several, with commas')
        .choices(groupings)
        .argParser(groupingList)
        .default(['model'], 'model'),
    )
    .addOption(
      new Option('--days <n>', 'the last so many days, today included (30 if nothing is said)')
        .argParser(atMost(36_500))
        .conflicts('from'),
    )
    .option('--from <day>', 'first day, as 2026-11-21', day)
    .option('--to <day>', 'last day (today if left out)', day)
    .example('inhouse usage', 'the last 30 days, by model')
    .example('inhouse usage --by team,model --days 7', 'a week, by team and model')
    .example(
      'inhouse usage --by day --from 2026-11-01 --to 2026-11-30 --json',
      'a month, day by day, for a program',
    )
    .failsWhen('the store cannot be read')
    .runs(show)
}

const groupingList = (text: string): Grouping[] =>
  words(text).map((word) => {
    const grouping = groupings.find((known) => known === word)
    if (grouping === undefined)
      throw new InvalidArgumentError(`It is one or several of ${groupings.join(', ')}.`)
    return grouping
  })

const show = async (context: Context, { by, days, from, to }: Options): Promise<void> => {
  if (from !== undefined && from > (to ?? today()))
    throw new Failure('usage_wrong', {
      message: `--from ${from} is after ${to === undefined ? 'today' : `--to ${to}`}.`,
      help: 'Give the earlier day to --from and the later one to --to; both are counted.',
    })
  const [report, nameOfKey] = await withStore(context.home, async (store) => {
    const asked = { by, ...(days && { days }), ...(from && { from }), ...(to && { to }) }
    const found = await ledgerReader(store, clock).usage(asked)
    return [found, await keyNames(store)] as const
  })
  context.result(report, (paint) => reportText(report, by, nameOfKey, paint))
}

const today = (): string => new Date(clock.now()).toISOString().slice(0, 10)

const reportText = (
  { rows, total, from, to }: UsageReport,
  by: readonly Grouping[],
  nameOfKey: (id: string) => string,
  paint: Paint,
): string => {
  const period = paint.dim(from === to ? `${from} (UTC)` : `${from} to ${to} (UTC)`)
  if (total.requests + total.inFlight === 0) return `Nothing was asked. ${period}\n`
  const nameOf = (row: UsageRow, grouping: Grouping): string => {
    const name = row[grouping] ?? ''
    return grouping === 'key' ? nameOfKey(name) : name === '' ? '–' : name
  }
  const groups = by.map((grouping, at): Column<UsageRow> => {
    const cell = (row: UsageRow): string => (row === sum ? (at === 0 ? 'total' : '') : nameOf(row, grouping))
    return { title: grouping.toUpperCase(), cell }
  })
  const sum: UsageRow = total
  return `${table([...groups, ...figures], rows.length === 1 ? rows : [...rows, sum], paint)}${period}\n`
}

const countColumn = (title: string, of: (row: UsageRow) => number): Column<UsageRow> => ({
  title,
  align: 'right',
  // A column of nothing but noughts is no news.
  cell: (row) => (of(row) === 0 ? '' : countText(of(row))),
})

const figures: readonly Column<UsageRow>[] = [
  { title: 'REQUESTS', align: 'right', cell: (row) => countText(row.requests) },
  countColumn('FAILED', (row) => row.failed),
  countColumn('LEFT', (row) => row.left),
  countColumn('LOST', (row) => row.lost),
  countColumn('RUNNING', (row) => row.inFlight),
  { title: 'INPUT', align: 'right', cell: (row) => countText(row.inputTokens) },
  countColumn('CACHED', (row) => row.cachedTokens),
  { title: 'OUTPUT', align: 'right', cell: (row) => countText(row.outputTokens) },
  countColumn('REASONING', (row) => row.reasoningTokens),
  {
    title: 'FIRST TOKEN',
    align: 'right',
    cell: (row) => (row.meanFirstEventMs === null ? '' : durationText(row.meanFirstEventMs)),
  },
  {
    title: 'TIME',
    align: 'right',
    cell: (row) => (row.totalMs === 0 ? '' : durationText(row.totalMs)),
  },
  {
    title: 'COST',
    align: 'right',
    cell: (row) => row.cost.map(({ nano, currency }) => `${(nano / 1e9).toFixed(2)} ${currency}`).join(' + '),
  },
]
