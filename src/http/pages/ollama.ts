import type { Identity } from '../../core/guard.ts'
import type { ModelListing } from '../../serve/surfaces/models.ts'
import { ollamaError } from '../../serve/surfaces/ollama-error.ts'
import {
  ollamaVersion,
  renderLoaded,
  renderShow,
  renderTags,
  type LoadedModel,
} from '../../serve/surfaces/ollama-models.ts'
import type { Asked, Page } from '../page.ts'
import { allowedListing, allowedListings } from './models.ts'
import { modelIn, storePages, type ModelKeeper } from './ollama-store.ts'

export interface OllamaPagesParts {
  readonly listings: () => readonly ModelListing[]
  /** What is in memory on this machine. */
  readonly loaded: () => readonly LoadedModel[]
  readonly keeper: ModelKeeper
  /** Ours. */
  readonly version: string
}

/** What clients of Ollama ask beside the calls to models. */
export function ollamaPages({ listings, loaded, keeper, version }: OllamaPagesParts): readonly Page[] {
  const page = (method: Page['method'], path: string, answer: (asked: Asked) => unknown): Page => ({
    method,
    path,
    error: ollamaError,
    answer: async (asked) => Response.json(await answer(asked)),
  })
  const tags = ({ identity }: Asked) => renderTags(allowedListings(listings(), identity))
  return [
    page('GET', '/api/tags', tags),
    page('POST', '/api/tags', tags),
    page('POST', '/api/show', async ({ identity, body }) =>
      renderShow(allowedListing(listings(), identity, await modelIn(await body()))),
    ),
    page('GET', '/api/ps', ({ identity }) => renderLoaded(allowedLoaded(loaded(), identity))),
    page('GET', '/api/version', () => ({ version: ollamaVersion, inhouse: version })),
    ...storePages(keeper),
  ]
}

const allowedLoaded = (rows: readonly LoadedModel[], identity: Identity): readonly LoadedModel[] => {
  const allowed = new Set(allowedListings(rows, identity))
  return rows.filter((row) => allowed.has(row))
}
