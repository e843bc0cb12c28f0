import { setImmediate as nextTurn } from 'node:timers/promises'

import { Failure } from '../../core/failure.ts'
import { decodeJson } from '../../core/json-decode.ts'
import { JsonText, type Edit } from '../../core/json.ts'
import { inTurns, paced, type Work } from '../../core/turns.ts'
import { openSummary } from './compaction.ts'
import { inputItems, itemsOf, joinLists, listOf, noItems, outputItems, tooLarge, type Item } from './items.ts'
import type { ResponseStore } from './response-store.ts'

/** What led to a response, and what it said: lists of items, as bytes. */
export interface Earlier {
  readonly input: Uint8Array
  readonly output: Uint8Array
}

/** One turn of a conversation, as its request asks for it. */
export interface Turn {
  /** The request with the whole conversation in its `input`. */
  readonly body: Uint8Array
  /** The whole conversation, as a list of items. */
  readonly input: Uint8Array
  readonly previous: string | undefined
  /** The response is to be found later. */
  readonly isKept: boolean
  /** It goes on without the client. */
  readonly isBackground: boolean
  /** The client wants the answer as a stream. */
  readonly isStreamed: boolean
  /** Fields that cannot be honoured. */
  readonly warnings: readonly string[]
}

/** Where earlier responses are found. */
export interface Past {
  readonly owner: string
  readonly store: ResponseStore
  /** What a request may take with all that it goes on from and refers to. */
  readonly maxBytes: number
  /** What is known of them beside the store. */
  readonly recall?: (id: string) => Earlier | undefined
}

/**
 * Puts before `input` what the previous response was asked and said, and in the place of references what they name.
 * Instructions are not inherited. Everything else stays as it is, byte for byte. Rejects with
 * `Failure('previous_response_unknown' | 'bad_request' | 'bad_json' | 'duplicate_key' | 'too_large')`.
 */
export async function beginTurn(bytes: Uint8Array, past: Past): Promise<Turn> {
  const body = await JsonText.read(bytes)
  const { isOn } = past.store
  const previous = body.get('previous_response_id') ?? undefined
  if (previous !== undefined && typeof previous !== 'string') {
    throw badRequest('previous_response_id', '`previous_response_id` must be a string.')
  }
  const isBackground = body.get('background') === true
  const store = body.get('store')
  const isKept = isOn && store !== false
  if (isBackground && !isKept) {
    throw badRequest('background', 'Only a response that is kept can run in the background.')
  }
  const asked = inputItems(body)
  const own = asked === undefined ? noItems : await resolved(asked, past)
  const earlier = previous === undefined ? undefined : await earlierOf(previous, past)
  const before = earlier === undefined ? 0 : earlier.input.length + earlier.output.length
  if (before > 0 && bytes.length - (asked?.length ?? 0) + own.length + before > past.maxBytes) {
    throw tooLarge(past.maxBytes)
  }
  const input =
    earlier === undefined ? own : await paced(before, joinLists(earlier.input, earlier.output, own))
  const isStreamed = body.get('stream') === true
  const edits: Edit[] = []
  if (!isOn && store !== false && asked !== undefined) edits.push({ path: ['store'], value: false })
  if (isBackground && !isStreamed) edits.push({ path: ['stream'], value: true })
  const span = input === asked || asked === undefined ? undefined : body.span('input')
  return {
    body: await paced(
      bytes.length,
      body.editing(edits, span === undefined ? [] : [{ ...span, text: input }]),
    ),
    input,
    previous,
    isKept,
    isBackground,
    isStreamed,
    warnings: !isOn && store === true ? ['store'] : [],
  }
}

async function earlierOf(id: string, { owner, store, recall }: Past): Promise<Earlier> {
  const known = recall?.(id)
  if (known !== undefined) return known
  const [input, resource] = await Promise.all([store.input(owner, id), store.resource(owner, id)])
  if (input === undefined || resource === undefined) throw unknownPrevious(id, store.isOn)
  const said = await JsonText.read(resource)
  if (['queued', 'in_progress'].includes(String(said.get('status')))) {
    throw badRequest('previous_response_id', 'The previous response is not complete yet.')
  }
  return { input, output: outputItems(said) }
}

function unknownPrevious(id: string, isOn: boolean): Failure {
  const message = `Previous response with id '${id.slice(0, 100)}' not found.`
  const help = 'Responses are not kept here (`responses.store`): send the whole conversation.'
  return new Failure('previous_response_unknown', {
    message,
    param: 'previous_response_id',
    ...(!isOn && { help }),
  })
}

/** References to items of kept responses, and summaries of what was compacted here, in their own words. */
async function resolved(list: Uint8Array, { owner, store, maxBytes }: Past): Promise<Uint8Array> {
  if (!isNamed(list)) return list
  const items = await inTurns(itemsOf(list))
  const named = await inTurns(namedIn(items))
  const kept = await store.items(owner, new Set([...named.values()].flatMap(referenceOf)), maxBytes)
  const found: Uint8Array[] = []
  let bytes = 0
  for (const item of items) {
    const known = named.get(item)
    const said =
      known === undefined ? item : (kept.get(referenceOf(known)[0] ?? '') ?? (await opened(known)) ?? item)
    bytes += said.length
    if (bytes > maxBytes) throw tooLarge(maxBytes)
    found.push(said)
  }
  return inTurns(listOf(found))

  async function opened(item: Item): Promise<Uint8Array | undefined> {
    const summary = await openSummary(item, owner, store.seal)
    if (summary === undefined) return undefined
    await nextTurn()
    return encoder.encode(JSON.stringify(summary))
  }
}

/** The items that may stand for others, decoded. */
function* namedIn(items: readonly Uint8Array[]): Work<Map<Uint8Array, Item>> {
  const named = new Map<Uint8Array, Item>()
  for (const item of items) {
    if (isNamed(item)) named.set(item, (yield* decodeJson(item, 0)) as Item)
    yield
  }
  return named
}

const names = ['"item_reference"', '"compaction"']

function isNamed(json: Uint8Array): boolean {
  const bytes = Buffer.from(json.buffer, json.byteOffset, json.byteLength)
  return names.some((name) => bytes.includes(name))
}

/** The id that an item refers to, if it does. */
const referenceOf = ({ type, id }: Item): string[] =>
  type === 'item_reference' && typeof id === 'string' ? [id] : []

const badRequest = (param: string, message: string): Failure => new Failure('bad_request', { message, param })

const encoder = new TextEncoder()
