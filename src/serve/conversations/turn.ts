import { Failure } from '../../core/failure.ts'
import { JsonText, type Edit } from '../../core/json.ts'
import { paced } from '../../core/turns.ts'
import { openSummary } from './compaction.ts'
import { inputItems, joinLists, noItems, outputItems, type Item } from './items.ts'
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
  /** What is known of them beside the store. */
  readonly recall?: (id: string) => Earlier | undefined
}

/**
 * Puts before `input` what the previous response was asked and said, and in the place of references what they name.
 * Instructions are not inherited. Everything else stays as it is, byte for byte. Rejects with
 * `Failure('previous_response_unknown' | 'bad_request' | 'bad_json' | 'duplicate_key')`.
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
  const input = earlier === undefined ? own : joinLists(earlier.input, earlier.output, own)
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
async function resolved(list: Uint8Array, { owner, store }: Past): Promise<Uint8Array> {
  const bytes = Buffer.from(list.buffer, list.byteOffset, list.byteLength)
  if (!named.some((type) => bytes.includes(type))) return list
  const items = JSON.parse(decoder.decode(list)) as readonly Item[]
  const ids = items.flatMap((item) => (isReference(item) ? [item['id'] as string] : []))
  const kept = await store.items(owner, ids)
  const found: Item[] = []
  for (const item of items) {
    const known = isReference(item) ? kept.get(item['id'] as string) : undefined
    found.push(known ?? (await openSummary(item, owner, store.seal)) ?? item)
  }
  return encoder.encode(JSON.stringify(found))
}

const named = ['"item_reference"', '"compaction"']

const isReference = (item: Item | null): boolean =>
  item?.['type'] === 'item_reference' && typeof item['id'] === 'string'

const badRequest = (param: string, message: string): Failure => new Failure('bad_request', { message, param })

const decoder = new TextDecoder()
const encoder = new TextEncoder()
