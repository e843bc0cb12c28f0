import { Failure } from '../../core/failure.ts'
import { decodeJson } from '../../core/json-decode.ts'
import { JsonText } from '../../core/json.ts'
import { inTurns, type Work } from '../../core/turns.ts'
import { idOf, itemsOf, shownItem, type Item } from '../../serve/conversations/items.ts'
import { sseMessage } from '../../serve/stream/sse-writer.ts'
import { openAiError } from '../../serve/surfaces/openai-error.ts'
import { responseError } from '../../serve/surfaces/openai-responses-resource.ts'
import type { Asked, Page } from '../page.ts'
import { done } from '../responses/background-run.ts'
import type { BackgroundRuns } from '../responses/background.ts'
import { compact, type CompactParts } from '../responses/compact.ts'
import { EventMessages } from '../responses/event-messages.ts'

export interface ResponsePagesParts extends CompactParts {
  readonly runs: BackgroundRuns
}

/** What can be done with responses that are kept, each by the key that made it. */
export function responsePages(parts: ResponsePagesParts): readonly Page[] {
  const { responses, runs } = parts
  const page = (method: Page['method'], path: string, answer: Page['answer']): Page => ({
    method,
    path: `/v1/responses/${path}`,
    error: openAiError,
    answer,
  })
  const resourceOf = async ({ identity, param }: Asked): Promise<JsonText> => {
    const running = runs.find(identity.key, param('id'))
    if (running !== undefined) return inTurns(JsonText.printed(running.resource))
    const kept = await responses.resource(identity.key, param('id'))
    if (kept === undefined) throw unknown(param('id'))
    return asLost(await JsonText.read(kept))
  }

  const retrieve = async (asked: Asked): Promise<Response> => {
    const query = new URL(asked.request.url).searchParams
    if (query.get('stream') !== 'true') return json((await resourceOf(asked)).bytes)
    const after = whole(query, 'starting_after', -1, -1)
    const running = runs.find(asked.identity.key, asked.param('id'))
    if (running !== undefined) return stream(running.follow(after))
    const resource = await resourceOf(asked)
    if (resource.get('background') !== true) {
      throw wrong('stream', 'Only a response that was made in the background can be streamed again.')
    }
    const events = await responses.events(asked.identity.key, asked.param('id'))
    return stream(events === undefined ? lostStream(resource, after) : eventsAfter(events, after))
  }

  const remove = async ({ identity, param }: Asked): Promise<Response> => {
    const id = param('id')
    await runs.find(identity.key, id)?.cancel()
    if (!(await responses.remove(identity.key, id))) throw unknown(id)
    return Response.json({ id, object: 'response', deleted: true })
  }

  const cancel = async (asked: Asked): Promise<Response> => {
    const running = runs.find(asked.identity.key, asked.param('id'))
    if (running !== undefined) {
      await running.cancel()
      return Response.json(running.resource)
    }
    const resource = await resourceOf(asked)
    if (resource.get('background') === true) return json(resource.bytes)
    throw wrong(undefined, 'Only a response that is made in the background can be cancelled.')
  }

  const inputItems = async ({ request, identity, param }: Asked): Promise<Response> => {
    const input = await responses.input(identity.key, param('id'))
    if (input === undefined) throw unknown(param('id'))
    return json((await inTurns(itemPage(input, param('id'), new URL(request.url).searchParams))).bytes)
  }

  return [
    page('POST', 'compact', (asked) => compact(asked, parts)),
    page('GET', ':id', retrieve),
    page('DELETE', ':id', remove),
    page('POST', ':id/cancel', cancel),
    page('GET', ':id/input_items', inputItems),
  ]
}

/** What no process makes any more was lost when its process ended. */
function asLost(resource: JsonText): JsonText {
  if (!['queued', 'in_progress'].includes(String(resource.get('status')))) return resource
  const lost = new Failure('internal', {
    message: 'The server ended before the response was complete.',
    help: 'Ask again.',
  })
  const edits = { status: 'failed', error: responseError(lost, '') }
  return JsonText.parse(resource.edit(Object.entries(edits).map(([key, value]) => ({ path: [key], value }))))
}

function lostStream(resource: JsonText, after: number): string {
  const type = 'response.failed'
  const response = new TextDecoder().decode(resource.bytes)
  return sseMessage(`{"type":"${type}","sequence_number":${after + 1},"response":${response}}`, type) + done
}

function eventsAfter(events: Uint8Array, after: number): string {
  let text = ''
  for (const data of new EventMessages().push(events)) {
    const { type, sequence_number: number } = JSON.parse(data) as {
      readonly type: string
      readonly sequence_number: number
    }
    if (number > after) text += sseMessage(data, type)
  }
  return text + done
}

const usualPage = 20
const largestPage = 100

/** In steps; no other items are decoded than those of the page. */
function* itemPage(input: Uint8Array, id: string, query: URLSearchParams): Work<JsonText> {
  const limit = whole(query, 'limit', 1, usualPage, largestPage)
  const order = query.get('order') ?? 'desc'
  if (order !== 'asc' && order !== 'desc') throw wrong('order', '`order` must be asc or desc.')
  const suffix = id.replace(/^resp_/, '')
  const items = (yield* itemsOf(input)).map((bytes, at) => ({ bytes, id: `item_${suffix}_${at}` }))
  if (order === 'desc') items.reverse()
  const after = query.get('after')
  let from = 0
  if (after !== null) {
    let shown: string | undefined
    for (; from < items.length && shown !== after; from++) {
      const item = items[from]
      if (item !== undefined) shown = (yield* idOf(item.bytes)) ?? item.id
    }
    if (shown !== after) throw wrong('after', '`after` names no item of this response.')
  }
  const data: Item[] = []
  for (const item of items.slice(from, from + limit)) {
    data.push(shownItem((yield* decodeJson(item.bytes, 0)) as Item, item.id))
  }
  return yield* JsonText.printed({
    object: 'list',
    data,
    first_id: data[0]?.['id'] ?? null,
    last_id: data.at(-1)?.['id'] ?? null,
    has_more: from + limit < items.length,
  })
}

function whole(query: URLSearchParams, key: string, least: number, usual: number, most = 2 ** 31): number {
  const text = query.get(key)
  if (text === null) return usual
  const value = Number(text)
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw wrong(key, `\`${key}\` must be a whole number from ${least} to ${most}.`)
}

const json = (bytes: Uint8Array): Response =>
  new Response(bytes as Uint8Array<ArrayBuffer>, { headers: { 'content-type': 'application/json' } })

const stream = (body: ReadableStream<Uint8Array> | string): Response =>
  new Response(body, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    },
  })

const unknown = (id: string): Failure =>
  new Failure('response_unknown', `Response with id '${id.slice(0, 100)}' not found.`)

const wrong = (param: string | undefined, message: string): Failure =>
  new Failure('bad_request', { message, ...(param !== undefined && { param }) })
