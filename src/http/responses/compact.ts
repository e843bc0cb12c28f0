import { Failure } from '../../core/failure.ts'
import { decodeJson } from '../../core/json-decode.ts'
import { JsonText } from '../../core/json.ts'
import { inTurns } from '../../core/turns.ts'
import { sealSummary, summaryRequest } from '../../serve/conversations/compaction.ts'
import { shownItem, type Item } from '../../serve/conversations/items.ts'
import type { ResponseStore } from '../../serve/conversations/response-store.ts'
import { beginTurn } from '../../serve/conversations/turn.ts'
import type { Gateway } from '../../serve/gateway/gateway.ts'
import { openAiResponses } from '../../serve/surfaces/openai-responses.ts'
import { tagsOf } from '../credential.ts'
import type { Asked } from '../page.ts'

export interface CompactParts {
  readonly gateway: Gateway
  readonly responses: ResponseStore
  /** What a request may take with the conversation before it. */
  readonly maxTurnBytes: () => number
  readonly now: () => number
}

/**
 * `POST /v1/responses/compact`: the conversation as its user's messages and a sealed summary that its model writes. The
 * summary is a call to the model like any other. Rejects with `Failure('bad_request' | 'upstream_invalid' …)`.
 */
export async function compact(
  { request, identity, body: readBody }: Asked,
  { gateway, responses, maxTurnBytes, now }: CompactParts,
): Promise<Response> {
  const owner = identity.key
  const bytes = await readBody()
  const body = await JsonText.read(bytes)
  const { input } = await beginTurn(bytes, { owner, store: responses, maxBytes: maxTurnBytes() })
  const items = (await inTurns(decodeJson(input, 0))) as readonly Item[]
  if (items.length === 0) {
    throw new Failure('bad_request', { message: 'There is nothing to compact.', param: 'input' })
  }
  const asked = await inTurns(
    JsonText.printed({
      model: body.get('model'),
      instructions: body.get('instructions') ?? undefined,
      input: summaryRequest(items),
      store: false,
    }),
  )
  const response = await gateway.handle({
    surface: openAiResponses,
    tags: tagsOf(request.headers),
    identify: () => identity,
    signal: () => request.signal,
    header: (name) => request.headers.get(name) ?? undefined,
    body: async () => asked.bytes,
  })
  if (!response.ok) return response
  const answer = await JsonText.read(await response.bytes())
  await inTurns(answer.decoding(['output']))
  const summary = saidIn(answer.get('output') as readonly Said[])
  if (summary.trim() === '') throw new Failure('upstream_invalid', 'The model wrote no summary.')
  const id = answer.get('id') as string
  const suffix = id.replace(/^resp_/, '')
  const said = items.filter(({ role, type = 'message' }) => type === 'message' && role === 'user')
  const compacted = await inTurns(
    JsonText.printed({
      id,
      object: 'response.compaction',
      created_at: Math.floor(now() / 1000),
      output: [
        ...said.map((item, at) => shownItem(item, `msg_${suffix}_${at}`)),
        {
          id: `cmp_${suffix}`,
          type: 'compaction',
          encrypted_content: await sealSummary(summary, owner, responses.seal),
        },
      ],
      usage: answer.get('usage'),
    }),
  )
  return new Response(compacted.bytes as Uint8Array<ArrayBuffer>, { headers: response.headers })
}

interface Said {
  readonly type: string
  readonly content?: readonly { readonly type: string; readonly text?: string }[] | null
}

/** What the model said; its thoughts are none of it. */
const saidIn = (output: readonly Said[]): string =>
  output
    .flatMap(({ type, content }) => (type === 'message' ? (content ?? []) : []))
    .map(({ type, text = '' }) => (type === 'output_text' ? text : ''))
    .join('')
