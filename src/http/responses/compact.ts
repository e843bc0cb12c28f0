import { Failure } from '../../core/failure.ts'
import { JsonText } from '../../core/json.ts'
import { sealSummary, summaryRequest } from '../../serve/conversations/compaction.ts'
import { shownItem, type Item } from '../../serve/conversations/items.ts'
import type { ResponseStore } from '../../serve/conversations/response-store.ts'
import { beginTurn } from '../../serve/conversations/turn.ts'
import type { Gateway } from '../../serve/gateway/gateway.ts'
import { openAiResponses } from '../../serve/surfaces/openai-responses.ts'
import { tagsOf } from '../credential.ts'
import type { Asked } from '../page.ts'

/**
 * `POST /v1/responses/compact`: the conversation as its user's messages and a sealed summary that its model writes. The
 * summary is a call to the model like any other. Rejects with `Failure('bad_request' | 'upstream_invalid' …)`.
 */
export async function compact(
  { request, identity, body: readBody }: Asked,
  gateway: Gateway,
  responses: ResponseStore,
  now: () => number,
): Promise<Response> {
  const owner = identity.key
  const bytes = await readBody()
  const body = await JsonText.read(bytes)
  const { input } = await beginTurn(bytes, { owner, store: responses })
  const items = JSON.parse(new TextDecoder().decode(input)) as readonly Item[]
  if (items.length === 0) {
    throw new Failure('bad_request', { message: 'There is nothing to compact.', param: 'input' })
  }
  const asked = JsonText.from({
    model: body.get('model'),
    instructions: body.get('instructions') ?? undefined,
    input: summaryRequest(items),
    store: false,
  })
  const response = await gateway.handle({
    surface: openAiResponses,
    tags: tagsOf(request.headers),
    identify: () => identity,
    signal: () => request.signal,
    header: (name) => request.headers.get(name) ?? undefined,
    body: async () => asked.bytes,
  })
  if (!response.ok) return response
  const { id, output, usage } = (await response.json()) as Answer
  const summary = output.flatMap(({ content = [] }) => content.map(({ text = '' }) => text)).join('')
  if (summary.trim() === '') throw new Failure('upstream_invalid', 'The model wrote no summary.')
  const suffix = id.replace(/^resp_/, '')
  const said = items.filter(({ role, type = 'message' }) => type === 'message' && role === 'user')
  return Response.json(
    {
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
      usage,
    },
    { headers: response.headers },
  )
}

interface Answer {
  readonly id: string
  readonly output: readonly {
    readonly type: string
    readonly content?: readonly { readonly text?: string }[]
  }[]
  readonly usage: unknown
}
