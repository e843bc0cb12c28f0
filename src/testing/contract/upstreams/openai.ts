import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionCreateParams,
} from 'openai/resources/chat/completions'

import { sse } from '../../fake-answers.ts'
import type { Received } from '../../fake-model.ts'
import type { FinishReason } from '../../../core/event.ts'
import type { Piece, Said } from '../cases.ts'
import { callText, type Asked, type ContractUpstream } from '../upstream.ts'

const base = { id: 'chatcmpl-1', created: 1_790_000_000, model: 'm' }
const finishNames = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  refusal: 'stop',
  other: 'stop',
} as const satisfies Record<FinishReason, string>

/** OpenAI's chat completions, as https://platform.openai.com/docs/api-reference/chat documents them. */
export const openAiUpstream: ContractUpstream = {
  id: 'openai-compatible',
  backend: 'openai-compatible',
  row: (url) => `url: ${url}/v1, ask: same`,
  answer: (said, request) =>
    request.json()['stream'] === true
      ? { chunks: sse([...chunksOf(said, request), '[DONE]']) }
      : { chunks: [JSON.stringify(wholeOf(said))] },
  failure: () => ({
    status: 500,
    chunks: [
      '{"error":{"message":"The server had an error.","type":"server_error","param":null,"code":null}}',
    ],
  }),
  breaking: (said, request) => ({
    chunks: sse([
      ...chunksOf(said, request).slice(0, said.pieces.length + 1),
      {
        error: {
          message: 'The server had an error.',
          type: 'server_error',
          param: null,
          code: 'server_error',
        },
      },
    ]),
  }),
  asked: (request) => askedOf(request),
}

function usageOf({ usage }: Said): NonNullable<ChatCompletion['usage']> {
  return {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cached },
  }
}

function wholeOf(said: Said): ChatCompletion {
  const texts = (pick: (piece: Piece) => string | undefined): string | undefined => {
    const found = said.pieces.flatMap((piece) => pick(piece) ?? [])
    return found.length === 0 ? undefined : found.join('')
  }
  const reasoning = texts((piece) => ('reasoning' in piece ? piece.reasoning : undefined))
  const calls = said.pieces.flatMap((piece) => ('call' in piece ? [piece.call] : []))
  return {
    ...base,
    object: 'chat.completion',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: texts((piece) => ('text' in piece ? piece.text : undefined)) ?? null,
          refusal: texts((piece) => ('refusal' in piece ? piece.refusal : undefined)) ?? null,
          ...(reasoning !== undefined && { reasoning_content: reasoning }),
          ...(calls.length > 0 && {
            tool_calls: calls.map(({ id, name, input }) => ({
              id,
              type: 'function' as const,
              function: { name, arguments: JSON.stringify(input) },
            })),
          }),
        },
        logprobs: null,
        finish_reason: finishNames[said.finish],
      },
    ],
    usage: usageOf(said),
  }
}

type Delta = ChatCompletionChunk.Choice.Delta & { reasoning_content?: string }

function chunksOf(said: Said, request: Received): ChatCompletionChunk[] {
  const chunk = (
    delta: Delta,
    finish: ChatCompletionChunk.Choice['finish_reason'] = null,
  ): ChatCompletionChunk => ({
    ...base,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
  })
  const options = request.json()['stream_options'] as { include_usage?: boolean } | undefined
  let calls = -1
  const deltas = said.pieces.flatMap((piece): Delta[] => {
    if ('text' in piece) return [{ content: piece.text }]
    if ('reasoning' in piece) return [{ reasoning_content: piece.reasoning }]
    if ('refusal' in piece) return [{ refusal: piece.refusal }]
    const { id, name, input } = piece.call
    const json = JSON.stringify(input)
    calls++
    return [
      { tool_calls: [{ index: calls, id, type: 'function', function: { name, arguments: '' } }] },
      { tool_calls: [{ index: calls, function: { arguments: json.slice(0, 5) } }] },
      { tool_calls: [{ index: calls, function: { arguments: json.slice(5) } }] },
    ]
  })
  return [
    chunk({ role: 'assistant', content: '' }),
    ...deltas.map((delta) => chunk(delta)),
    chunk({}, finishNames[said.finish]),
    ...(options?.include_usage === true
      ? [{ ...base, object: 'chat.completion.chunk' as const, choices: [], usage: usageOf(said) }]
      : []),
  ]
}

function askedOf(request: Received): Asked {
  const body = request.json() as unknown as ChatCompletionCreateParams
  const images: string[] = []
  const system: string[] = []
  const turns: string[] = []
  const names = new Map<string, string>()
  for (const message of body.messages) {
    if (message.role === 'tool') {
      turns.push(`${names.get(message.tool_call_id)} → ${textOf(message.content)}`)
      continue
    }
    if (message.role === 'system' || message.role === 'developer') {
      system.push(textOf(message.content))
      continue
    }
    if (message.role === 'function') throw new Error('a role that nobody uses')
    for (const part of Array.isArray(message.content) ? message.content : [])
      if (part.type === 'image_url') images.push(part.image_url.url.replace('data:image/png;base64,', ''))
    const text = textOf(message.content)
    if (text !== '') turns.push(`${message.role}: ${text}`)
    for (const call of message.role === 'assistant' ? (message.tool_calls ?? []) : []) {
      if (call.type !== 'function') continue
      names.set(call.id, call.function.name)
      turns.push(callText(call.function.name, call.function.arguments))
    }
  }
  const format = body.response_format
  const { stop } = body
  return {
    system: system.join('\n'),
    turns,
    tools: (body.tools ?? []).flatMap((tool) => (tool.type === 'function' ? [tool.function.name] : [])),
    toolChoice: body.tool_choice === 'required' ? 'required' : undefined,
    images,
    schema: format?.type === 'json_schema' ? format.json_schema.schema : undefined,
    thinks: body.reasoning_effort !== undefined && body.reasoning_effort !== 'none',
    stop: stop === undefined || stop === null ? [] : typeof stop === 'string' ? [stop] : stop,
    maxTokens: body.max_completion_tokens ?? body.max_tokens ?? undefined,
  }
}

const textOf = (content: unknown): string => {
  if (typeof content === 'string') return content
  const parts = (content ?? []) as readonly { type: string; text?: string }[]
  return parts.map((part) => part.text ?? '').join('')
}
