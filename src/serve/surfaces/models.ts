import type { ModelFacts } from '../../core/model-facts.ts'

/** A model as `GET /v1/models` shows it. */
export interface ModelListing {
  readonly name: string
  /** Seconds since the epoch. */
  readonly created: number
  readonly ownedBy: string
  /** Tokens. */
  readonly context?: number
  readonly maxOutput?: number
  /** What its engine or its file says of it. */
  readonly facts?: ModelFacts
}

/** One entry that readers of OpenAI's and of Anthropic's lists both understand. */
export const renderModel = ({ name, created, ownedBy, context, maxOutput }: ModelListing) => ({
  id: name,
  object: 'model' as const,
  created,
  owned_by: ownedBy,
  type: 'model' as const,
  display_name: name,
  created_at: new Date(created * 1000).toISOString(),
  max_input_tokens: context ?? null,
  max_tokens: maxOutput ?? null,
})

/** The whole list, on one page. */
export const renderModels = (rows: readonly ModelListing[]) => ({
  object: 'list' as const,
  data: rows.map(renderModel),
  has_more: false,
  first_id: rows[0]?.name ?? null,
  last_id: rows.at(-1)?.name ?? null,
})
