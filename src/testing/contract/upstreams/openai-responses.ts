import type {
  Response,
  ResponseCreateParams,
  ResponseInputItem,
  ResponseOutputItem,
  ResponseStreamEvent,
} from 'openai/resources/responses/responses'

import type { Received, Script } from '../../fake-model.ts'
import type { Said } from '../cases.ts'
import { callText, type Asked, type ContractUpstream } from '../upstream.ts'

/** OpenAI's responses, as https://platform.openai.com/docs/api-reference/responses-streaming documents them. */
export const openAiResponsesUpstream: ContractUpstream = {
  id: 'openai (responses)',
  backend: 'openai',
  row: (url) => `url: ${url}/v1, api: responses, ask: same`,
  answer: (said, request) =>
    request.json()['stream'] === true
      ? streamOf(eventsOf(said))
      : { chunks: [JSON.stringify(responseOf(said, itemsOf(said)))] },
  failure: () => ({
    status: 500,
    chunks: [
      '{"error":{"message":"The server had an error.","type":"server_error","param":null,"code":null}}',
    ],
  }),
  breaking: (said) => {
    const all = eventsOf(said)
    const failed = {
      ...responseOf(said, []),
      status: 'failed' as const,
      error: { code: 'server_error' as const, message: 'The server had an error.' },
    }
    const before = all.filter(
      ({ type }) => type !== 'response.completed' && type !== 'response.output_item.done',
    )
    return streamOf([
      ...before,
      { type: 'response.failed', response: failed, sequence_number: before.length },
    ])
  },
  asked: askedOf,
}

const streamOf = (events: readonly ResponseStreamEvent[]): Script => ({
  chunks: events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`),
})

/** Pieces of one kind that follow each other are one item; calls are their own. */
interface Run {
  readonly kind: 'text' | 'reasoning' | 'refusal' | 'call'
  readonly pieces: string[]
  readonly item: ResponseOutputItem
}

function runsOf({ pieces }: Said): Run[] {
  const runs: Run[] = []
  for (const piece of pieces) {
    const kind =
      'text' in piece ? 'text' : 'reasoning' in piece ? 'reasoning' : 'refusal' in piece ? 'refusal' : 'call'
    const last = runs.at(-1)
    if ('call' in piece) {
      const { id, name, input } = piece.call
      const json = JSON.stringify(input)
      runs.push({
        kind,
        pieces: [json.slice(0, 5), json.slice(5)],
        item: {
          type: 'function_call',
          id: `fc_${id}`,
          call_id: id,
          name,
          arguments: json,
          status: 'completed',
        },
      })
      continue
    }
    const text = 'text' in piece ? piece.text : 'reasoning' in piece ? piece.reasoning : piece.refusal
    if (last?.kind === kind) last.pieces.push(text)
    else runs.push({ kind, pieces: [text], item: emptyItem(kind, runs.length) })
  }
  return runs.map((run) => ({ ...run, item: filled(run) }))
}

const emptyItem = (kind: Run['kind'], index: number): ResponseOutputItem =>
  kind === 'reasoning'
    ? { type: 'reasoning', id: `rs_${index}`, summary: [], content: [] }
    : { type: 'message', id: `msg_${index}`, role: 'assistant', status: 'in_progress', content: [] }

function filled({ kind, pieces, item }: Run): ResponseOutputItem {
  const text = pieces.join('')
  if (item.type === 'reasoning') return { ...item, content: [{ type: 'reasoning_text', text }] }
  if (item.type !== 'message') return item
  const part =
    kind === 'refusal'
      ? { type: 'refusal' as const, refusal: text }
      : { type: 'output_text' as const, text, annotations: [] }
  return { ...item, status: 'completed', content: [part] }
}

const itemsOf = (said: Said): ResponseOutputItem[] => runsOf(said).map(({ item }) => item)

const responseOf = ({ finish, usage }: Said, output: ResponseOutputItem[]): Response => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1_790_000_000,
  model: 'm',
  status: finish === 'length' ? 'incomplete' : 'completed',
  output,
  output_text: '',
  error: null,
  incomplete_details: finish === 'length' ? { reason: 'max_output_tokens' } : null,
  instructions: null,
  metadata: null,
  parallel_tool_calls: true,
  temperature: 1,
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  usage: {
    input_tokens: usage.input,
    input_tokens_details: { cached_tokens: usage.cached, cache_write_tokens: 0 },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: usage.input + usage.output,
  },
})

function eventsOf(said: Said): ResponseStreamEvent[] {
  const events: ResponseStreamEvent[] = []
  const put = (event: Record<string, unknown>): void => {
    events.push({ ...event, sequence_number: events.length } as unknown as ResponseStreamEvent)
  }
  const begun = { ...responseOf(said, []), status: 'in_progress', usage: null }
  put({ type: 'response.created', response: begun })
  put({ type: 'response.in_progress', response: begun })
  for (const [index, { kind, pieces, item }] of runsOf(said).entries()) {
    const at = { output_index: index, item_id: item.id }
    const text = pieces.join('')
    put({ type: 'response.output_item.added', output_index: index, item: begunItem(item) })
    if (kind === 'call') {
      for (const delta of pieces) put({ type: 'response.function_call_arguments.delta', ...at, delta })
      put({ type: 'response.function_call_arguments.done', ...at, arguments: text })
    } else {
      const name = { text: 'output_text', reasoning: 'reasoning_text', refusal: 'refusal' }[kind]
      const field = kind === 'refusal' ? 'refusal' : 'text'
      const part = { type: name, [field]: '', ...(kind === 'text' && { annotations: [] }) }
      const place = { ...at, content_index: 0 }
      put({ type: 'response.content_part.added', ...place, part })
      for (const delta of pieces)
        put({ type: `response.${name}.delta`, ...place, delta, ...(kind === 'text' && { logprobs: [] }) })
      put({
        type: `response.${name}.done`,
        ...place,
        [field]: text,
        ...(kind === 'text' && { logprobs: [] }),
      })
      put({ type: 'response.content_part.done', ...place, part: { ...part, [field]: text } })
    }
    put({ type: 'response.output_item.done', output_index: index, item })
  }
  const last = responseOf(said, itemsOf(said))
  put({ type: last.status === 'incomplete' ? 'response.incomplete' : 'response.completed', response: last })
  return events
}

const begunItem = (item: ResponseOutputItem): object =>
  item.type === 'function_call'
    ? { ...item, arguments: '', status: 'in_progress' }
    : { ...item, content: [], ...(item.type === 'message' && { status: 'in_progress' }) }

function askedOf(request: Received): Asked {
  const body = request.json() as unknown as ResponseCreateParams
  const input: readonly ResponseInputItem[] =
    typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : (body.input ?? [])
  const system = typeof body.instructions === 'string' ? [body.instructions] : []
  const turns: string[] = []
  const images: string[] = []
  const names = new Map<string, string>()
  for (const item of input) {
    if (item.type === 'function_call') {
      names.set(item.call_id, item.name)
      turns.push(callText(item.name, item.arguments))
    } else if (item.type === 'function_call_output') {
      turns.push(`${names.get(item.call_id)} → ${textOf(item.output)}`)
    } else if ('role' in item && 'content' in item) {
      const text = textOf(item.content)
      if (item.role === 'system' || item.role === 'developer') system.push(text)
      else if (text !== '') turns.push(`${item.role}: ${text}`)
      for (const part of typeof item.content === 'string' ? [] : item.content)
        if (part.type === 'input_image')
          images.push((part.image_url ?? '').replace('data:image/png;base64,', ''))
    }
  }
  const format = body.text?.format
  return {
    system: system.join('\n'),
    turns,
    tools: (body.tools ?? []).flatMap((tool) => (tool.type === 'function' ? [tool.name] : [])),
    toolChoice: body.tool_choice === 'required' ? 'required' : undefined,
    images,
    schema: format?.type === 'json_schema' ? format.schema : undefined,
    thinks: body.reasoning?.effort !== undefined,
    stop: [],
    maxTokens: body.max_output_tokens ?? undefined,
  }
}

const textOf = (content: unknown): string => {
  if (typeof content === 'string') return content
  const parts = (content ?? []) as readonly { text?: string }[]
  return parts.map((part) => part.text ?? '').join('')
}
