import { ledgerReader } from '../../account/ledger/reader.ts'
import type { Entry } from '../../account/ledger/entry.ts'
import type { Count } from '../../core/usage.ts'
import { Failure } from '../../core/failure.ts'
import type { InhouseCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { entryText } from '../entry-text.ts'
import { clock, keyNames, withStore } from '../home-store.ts'
import { atMost } from '../parse.ts'
import { countText, durationText, secondText, table, type Paint } from '../print.ts'

interface Options {
  readonly limit?: number
  readonly before?: string
}

/** As many as the ledger gives at once. */
const mostListed = 1000

export const explain = (command: InhouseCommand): void => {
  command
    .description(
      'Shows one request as the ledger has it: who answered and why, who was passed over, what was tried, how long each step took. Without an id it lists the newest requests that have ended. The id stands in the answer’s header x-inhouse-request-id. A call that was refused before it was admitted (no key, an unknown model, over its limit) has no row: its id and the reason stand in the log of the server. What was asked and answered is written nowhere.',
    )
    .argument('[request-id]', 'the id or the beginning of one; left out: a list of the newest requests')
    .option('--limit <n>', 'of the list: how many requests (20 if left out)', atMost(mostListed))
    .option('--before <id>', 'of the list: only what came before this request, for the next page')
    .example('inhouse explain', 'the newest requests')
    .example('inhouse explain req_019aa6c4', 'a request by the beginning of its id')
    .example('inhouse explain req_019aa6c4 --json | jq .decision', 'the decision alone')
    .example(
      'inhouse explain --limit 1000 --json | jq ".[] | select(.outcome != \\"done\\")"',
      'what went wrong',
    )
    .failsWhen('there is no such request')
    .runs(run)
}

const run = (context: Context, options: Options, id: string | undefined): Promise<void> => {
  if (id === undefined) return list(context, options)
  if (options.limit === undefined && options.before === undefined) return show(context, id)
  throw new Failure('usage_wrong', {
    message: '--limit and --before belong to the list of requests, not to one.',
    help: `\`inhouse explain ${id}\` shows that request.`,
  })
}

const show = async (context: Context, id: string): Promise<void> => {
  const [entry, nameOfKey] = await withStore(context.home, async (store) => {
    const found = await ledgerReader(store, clock)
      .find(id)
      .catch((thrown: unknown) => {
        throw asRequestUnknown(thrown, id)
      })
    return [found, await keyNames(store)]
  })
  context.result(entry, (paint) => entryText(entry, nameOfKey(entry.key), paint))
}

/** Only a whole id can be that of a refused call; a part of one is mistyped or too short. */
const asRequestUnknown = (thrown: unknown, id: string): unknown => {
  if (!(thrown instanceof Failure) || thrown.code !== 'not_found') return thrown
  const { message } = thrown
  if (/^req_[0-9a-f]{32}$/.test(id)) return new Failure('request_unknown', message)
  return new Failure('request_unknown', {
    message,
    help: '`inhouse explain` lists the newest requests with their ids.',
  })
}

const list = async (context: Context, { limit = 20, before }: Options): Promise<void> => {
  const [entries, nameOfKey] = await withStore(context.home, async (store) => {
    const found = await ledgerReader(store, clock).recent({ limit, ...(before !== undefined && { before }) })
    return [found, await keyNames(store)]
  })
  context.result(entries, (paint) => entriesText(entries, nameOfKey, paint))
  const last = entries.at(-1)
  if (!context.isJson && last !== undefined && entries.length === limit)
    context.say(context.paint.dim(`Older ones: inhouse explain --limit ${limit} --before ${last.id}\n`))
}

/** Requests below each other, for people. */
const entriesText = (entries: readonly Entry[], nameOfKey: (id: string) => string, paint: Paint): string => {
  if (entries.length === 0) return 'There is no request.\n'
  const tokens = (count: Count | undefined): string => (count === undefined ? '' : countText(count.tokens))
  return table(
    [
      { title: 'WHEN', cell: ({ at }: Entry) => secondText(at) },
      { title: 'REQUEST', cell: ({ id }) => id },
      { title: 'KEY', cell: ({ key }) => nameOfKey(key) },
      {
        title: 'MODEL',
        cell: ({ askedModel, servedModel }) =>
          servedModel === askedModel || servedModel === '' ? askedModel : `${askedModel} → ${servedModel}`,
      },
      {
        title: 'OUTCOME',
        cell: ({ outcome, failure }) => (outcome === 'failed' && failure !== undefined ? failure : outcome),
      },
      { title: 'IN', align: 'right', cell: ({ usage }) => tokens(usage.input) },
      { title: 'OUT', align: 'right', cell: ({ usage }) => tokens(usage.output) },
      {
        title: 'TOOK',
        align: 'right',
        cell: ({ totalMs }) => (totalMs === undefined ? '' : durationText(totalMs)),
      },
    ],
    entries,
    paint,
  )
}
