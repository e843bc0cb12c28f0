import type { Settings } from '../config/schema.ts'
import type { ModelFacts } from '../core/model-facts.ts'
import type { FactsCache, Source } from '../serve/discover/facts-cache.ts'
import type { Upstreams } from '../serve/gateway/upstreams.ts'
import { managedRows } from './local-models.ts'
import { defined } from './defined.ts'

type Row = Settings['models'][string]

/** Whoever can be asked what its models are: all backends but our own engines, whose files we have. */
export function factSources(config: Settings, upstreams: Pick<Upstreams, 'all'>): readonly Source[] {
  const managed = new Set(managedRows(config).map(([, { backend }]) => backend))
  return [...upstreams.all()].flatMap(({ backend }): Source[] => {
    const { name, kind } = backend
    const row = config.backends[name]
    const models = Object.entries(config.models).flatMap(([alias, each]) =>
      each.backend === name ? (nameAt(alias, each) ?? []) : [],
    )
    if (row === undefined || managed.has(name) || models.length === 0) return []
    const target = { row: '', backend: name, model: '', behaviour: {} }
    return [
      {
        name,
        kind: ('preset' in row ? row.preset : undefined) ?? kind,
        models: [...new Set(models)],
        reach: async () => backend.open(target, new AbortController().signal),
        // The names of models are all that goes out.
        transport: (call) => backend.send(call, 'public'),
      },
    ]
  })
}

/** What a backend elsewhere says of a row’s model; its context is what the row says, where it says one. */
export function remoteFacts(
  { models }: Settings,
  cache: Pick<FactsCache, 'of'>,
  name: string,
): ModelFacts | undefined {
  const row = models[name]
  const model = row && nameAt(name, row)
  if (row?.backend === undefined || model === undefined) return undefined
  const facts = cache.of(row.backend, model)
  return facts && { ...facts, ...defined({ context: row.context === 0 ? undefined : row.context }) }
}

/** Undefined where it is whatever the client says. */
const nameAt = (alias: string, { model }: Row): string | undefined =>
  model ?? (alias.includes('*') ? undefined : alias)
