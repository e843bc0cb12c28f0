import type { Settings } from '../../config/index.ts'
import { kindOf } from '../../serve/backends/index.ts'
import type { Context } from '../context.ts'
import { liveServer } from '../live-server.ts'
import { listText } from '../names.ts'
import { table, type Column } from '../print.ts'

interface Listed {
  readonly name: string
  readonly kind: string
  readonly place: string
  readonly url: string | null
  readonly models: readonly string[]
  /** Null: no server runs. */
  readonly health: string | null
}

export const listBackends = async (context: Context): Promise<void> => {
  const { config } = await context.load({ secrets: 'unread' })
  const states = await statesOf(context, config)
  const rows = Object.entries(config.backends).map(([name, row]): Listed => {
    const models = Object.entries(config.models).flatMap(([model, { backend }]) =>
      backend === name ? [model] : [],
    )
    return {
      name,
      kind: row.kind,
      place: kindOf(row).placeOf(row),
      url: 'url' in row ? row.url : null,
      models,
      health: states === undefined ? null : healthOf(models.flatMap((model) => states[model] ?? [])),
    }
  })
  context.result(rows, (paint) => table(columns, rows, paint))
}

const columns: readonly Column<Listed>[] = [
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'KIND', cell: ({ kind }) => kind },
  { title: 'PLACE', cell: ({ place }) => place },
  { title: 'URL', cell: ({ url }) => url ?? '' },
  { title: 'MODELS', cell: ({ models }) => listText(models) },
  { title: 'HEALTH', cell: ({ health }) => health ?? '' },
]

/** By the rows of `models`; undefined where no server runs. */
const statesOf = async (
  { home }: Context,
  { listen }: Settings,
): Promise<Readonly<Record<string, string>> | undefined> => {
  const url = await liveServer(home, listen)
  if (url === undefined) return undefined
  // 503 is an answer too: none of them is ready.
  const reply = await fetch(`${url}/ready`, { proxy: false } as RequestInit).catch(() => undefined)
  const body = (await reply?.json().catch(() => undefined)) as { readonly models?: object } | undefined
  return body?.models as Readonly<Record<string, string>> | undefined
}

/** `ready`, or each state with how many are in it. */
const healthOf = (states: readonly string[]): string => {
  const counts = Object.entries(Object.groupBy(states, (state) => state))
  if (counts.length < 2) return states[0] ?? ''
  return counts.map(([state, each]) => `${state} (${each?.length ?? 0})`).join(', ')
}
