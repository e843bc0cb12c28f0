import type Anthropic from '@anthropic-ai/sdk'

import type { FinishReason } from '../../../core/event.ts'
import type { Received, Script } from '../../fake-model.ts'
import type { Said } from '../cases.ts'
import { callText, type Asked, type ContractUpstream } from '../upstream.ts'

const stopReasons = {
  stop: 'end_turn',
  length: 'max_tokens',
  'tool-calls': 'tool_use',
  refusal: 'refusal',
  other: 'pause_turn',
} as const satisfies Record<FinishReason, Anthropic.StopReason>

/** Anthropic's messages, as https://platform.claude.com/docs/en/build-with-claude/streaming documents them. */
export const anthropicUpstream: ContractUpstream = {
  id: 'anthropic',
  backend: 'anthropic',
  row: (url) => `url: ${url}, ask: same`,
  answer: (said, request) =>
    request.json()['stream'] === true
      ? streamOf(eventsOf(said))
      : { chunks: [JSON.stringify(wholeOf(said))] },
  failure: () => ({
    status: 529,
    chunks: [
      '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}',
    ],
  }),
  breaking: (said) =>
    streamOf([
      ...eventsOf(said).slice(0, 2 + said.pieces.length),
      { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
    ]),
  asked: askedOf,
}

const streamOf = (events: readonly StreamEvent[]): Script => ({
  chunks: events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`),
})

const usageOf = ({ usage }: Said) => ({
  input_tokens: usage.input - usage.cached,
  cache_read_input_tokens: usage.cached,
  cache_creation_input_tokens: 0,
  output_tokens: usage.output,
})

interface StreamEvent extends Record<string, unknown> {
  readonly type: string
}

/** Pieces of one kind that follow each other are one block. */
function blocksOf({
  pieces,
}: Said): { readonly block: Record<string, unknown>; readonly deltas: Record<string, unknown>[] }[] {
  const blocks: { block: Record<string, unknown>; deltas: Record<string, unknown>[] }[] = []
  for (const piece of pieces) {
    if ('call' in piece) {
      const { id, name, input } = piece.call
      const json = JSON.stringify(input)
      const parts = [json.slice(0, 5), json.slice(5)]
      blocks.push({
        block: { type: 'tool_use', id, name, input },
        deltas: parts.map((part) => ({ type: 'input_json_delta', partial_json: part })),
      })
      continue
    }
    const type = 'reasoning' in piece ? 'thinking' : 'text'
    const text = 'text' in piece ? piece.text : 'reasoning' in piece ? piece.reasoning : piece.refusal
    const last = blocks.at(-1)
    const delta = { type: `${type}_delta`, [type]: text }
    if (last?.block['type'] === type) {
      last.block[type] = `${String(last.block[type])}${text}`
      last.deltas.push(delta)
    } else
      blocks.push({
        block: { type, [type]: text, ...(type === 'thinking' && { signature: 'c2ln' }) },
        deltas: [delta],
      })
  }
  for (const { block, deltas } of blocks)
    if (block['type'] === 'thinking') deltas.push({ type: 'signature_delta', signature: 'c2ln' })
  return blocks
}

const head = { id: 'msg_1', type: 'message', role: 'assistant', model: 'm' }

const wholeOf = (said: Said) => ({
  ...head,
  content: blocksOf(said).map(({ block }) => block),
  stop_reason: stopReasons[said.finish],
  stop_sequence: null,
  usage: usageOf(said),
})

function eventsOf(said: Said): StreamEvent[] {
  const emptied = (block: Record<string, unknown>): Record<string, unknown> =>
    block['type'] === 'tool_use'
      ? { ...block, input: {} }
      : block['type'] === 'thinking'
        ? { type: 'thinking', thinking: '', signature: '' }
        : { type: 'text', text: '' }
  return [
    {
      type: 'message_start',
      message: {
        ...head,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { ...usageOf(said), output_tokens: 1 },
      },
    },
    ...blocksOf(said).flatMap(({ block, deltas }, index) => [
      { type: 'content_block_start', index, content_block: emptied(block) },
      ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
      { type: 'content_block_stop', index },
    ]),
    {
      type: 'message_delta',
      delta: { stop_reason: stopReasons[said.finish], stop_sequence: null },
      usage: { output_tokens: said.usage.output },
    },
    { type: 'message_stop' },
  ]
}

function askedOf(request: Received): Asked {
  const body = request.json() as unknown as Anthropic.MessageCreateParams
  const images: string[] = []
  const turns: string[] = []
  const names = new Map<string, string>()
  for (const { role, content } of body.messages) {
    for (const block of typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content) {
      if (block.type === 'text') turns.push(`${role}: ${block.text}`)
      else if (block.type === 'image' && block.source.type === 'base64') images.push(block.source.data)
      else if (block.type === 'tool_use') {
        names.set(block.id, block.name)
        turns.push(callText(block.name, JSON.stringify(block.input)))
      } else if (block.type === 'tool_result')
        turns.push(`${names.get(block.tool_use_id)} → ${textOf(block.content)}`)
    }
  }
  return {
    system: textOf(body.system),
    turns,
    tools: (body.tools ?? []).map((tool) => ('name' in tool ? tool.name : '')),
    toolChoice: body.tool_choice?.type === 'any' ? 'required' : undefined,
    images,
    schema: body.output_config?.format?.schema,
    thinks: body.thinking !== undefined && body.thinking.type !== 'disabled',
    stop: body.stop_sequences ?? [],
    maxTokens: body.max_tokens,
  }
}

const textOf = (content: unknown): string => {
  if (typeof content === 'string') return content
  const parts = (content ?? []) as readonly { type: string; text?: string }[]
  return parts.map((part) => part.text ?? '').join('')
}
