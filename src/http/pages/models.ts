import { Failure } from '../../core/failure.ts'
import { matchName } from '../../core/names.ts'
import type { Identity } from '../../core/guard.ts'
import { renderModel, renderModels, type ModelListing } from '../../serve/surfaces/models.ts'
import { openAiError } from '../../serve/surfaces/openai-error.ts'
import type { Page } from '../page.ts'

/** The models that this key may ask for, by their names: what a wildcard takes nobody can list. */
export const allowedListings = <Row extends ModelListing>(
  rows: readonly Row[],
  identity: Identity,
): readonly Row[] => rows.filter(({ name }) => !name.includes('*') && isAllowed(name, identity))

const isAllowed = (name: string, { models }: Identity): boolean =>
  models === undefined || matchName(name, models) !== undefined

/** The model of this name. Throws `Failure('model_unknown')`, also where the key may not ask for it. */
export function allowedListing(
  rows: readonly ModelListing[],
  identity: Identity,
  name: string,
): ModelListing {
  // As calls find their row: the name itself, without its tag, or a wildcard.
  const match = matchName(
    name,
    rows.map((row) => row.name),
  )
  const row = rows.find((each) => each.name === match)
  const known = row === undefined || !row.name.includes('*') ? row : { ...row, name }
  if (known !== undefined && isAllowed(known.name, identity)) return known
  const message = `There is no model named ${name.slice(0, 200)}.`
  throw new Failure('model_unknown', { message, param: 'model' })
}

/** `GET /v1/models`, which readers of OpenAI's and of Anthropic's lists both understand. */
export const modelPages = (listings: () => readonly ModelListing[]): readonly Page[] => [
  {
    method: 'GET',
    path: '/v1/models',
    error: openAiError,
    answer: ({ identity }) => Response.json(renderModels(allowedListings(listings(), identity))),
  },
  {
    method: 'GET',
    path: '/v1/models/:id{.+}',
    error: openAiError,
    answer: ({ identity, param }) =>
      Response.json(renderModel(allowedListing(listings(), identity, param('id')))),
  },
]
