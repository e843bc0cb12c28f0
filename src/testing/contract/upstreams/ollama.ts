import type { ChatRequest, ChatResponse } from 'ollama'

import type { FinishReason } from '../../../core/event.ts'
import type { Received, Script } from '../../fake-model.ts'
import type { Piece, Said } from '../cases.ts'
import { callText, type Asked, type ContractUpstream } from '../upstream.ts'

const doneReasons = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'stop',
  refusal: 'stop',
  other: 'stop',
} as const satisfies Record<FinishReason, string>

/** Ollama's native chat, as https://docs.ollama.com/api documents it. */
export const ollamaUpstream: ContractUpstream = {
  id: 'ollama',
  backend: 'ollama',
  hidesCached: true,
  row: (url) => `url: ${url}`,
  answer: (said, request) => {
    const bound = isBound(request) ? asBound(said) : said
    return request.json()['stream'] === false
      ? { chunks: [JSON.stringify(wholeOf(bound))] }
      : lines([...bound.pieces.map(lineOf), endOf(bound)])
  },
  failure: () => ({ status: 500, chunks: ['{"error":"llama runner process has terminated"}'] }),
  breaking: (said) => lines([...said.pieces.map(lineOf), { error: 'llama runner process has terminated' }]),
  asked: askedOf,
  aside: ({ method, path }) => {
    if (path === '/api/show') {
      const capabilities = ['completion', 'tools', 'vision', 'thinking']
      return {
        chunks: [
          JSON.stringify({ capabilities, details: {}, model_info: { 'general.architecture': 'llama' } }),
        ],
      }
    }
    return method === 'GET' ? { chunks: ['{"version":"0.17.4"}'] } : undefined
  },
}

const lines = (values: readonly object[]): Script => ({
  headers: { 'content-type': 'application/x-ndjson' },
  chunks: values.map((value) => `${JSON.stringify(value)}\n`),
})

/** A call is demanded by binding the answer to the schema of its arguments. */
const isBound = (request: Received): boolean => {
  const { format, tools } = request.json()
  return format !== undefined && tools !== undefined
}

const asBound = (said: Said): Said => ({
  ...said,
  pieces: said.pieces.map((piece) => ('call' in piece ? { text: JSON.stringify(piece.call.input) } : piece)),
  finish: 'stop',
})

const head = { model: 'm', created_at: '2026-11-21T10:00:00.123456789Z' }

function messageOf(piece: Piece): ChatResponse['message'] {
  if ('call' in piece) {
    const { name, input } = piece.call
    return { role: 'assistant', content: '', tool_calls: [{ function: { name, arguments: input } }] }
  }
  if ('reasoning' in piece) return { role: 'assistant', content: '', thinking: piece.reasoning }
  return { role: 'assistant', content: 'text' in piece ? piece.text : piece.refusal }
}

const lineOf = (piece: Piece): object => ({ ...head, message: messageOf(piece), done: false })

const endOf = ({ finish, usage }: Said): object => ({
  ...head,
  message: { role: 'assistant', content: '' },
  done: true,
  done_reason: doneReasons[finish],
  total_duration: 9_000_000,
  load_duration: 1_000_000,
  prompt_eval_count: usage.input,
  prompt_eval_duration: 3_000_000,
  eval_count: usage.output,
  eval_duration: 4_000_000,
})

function wholeOf(said: Said): object {
  const messages = said.pieces.map(messageOf)
  const calls = messages.flatMap((message) => message.tool_calls ?? [])
  const thinking = messages.map((message) => message.thinking ?? '').join('')
  return {
    ...endOf(said),
    message: {
      role: 'assistant',
      content: messages.map(({ content }) => content).join(''),
      ...(thinking !== '' && { thinking }),
      ...(calls.length > 0 && { tool_calls: calls }),
    },
  }
}

function askedOf(request: Received): Asked {
  const body = request.json() as unknown as ChatRequest
  const messages = body.messages ?? []
  const system: string[] = []
  const turns: string[] = []
  for (const { role, content, tool_calls: calls, tool_name: name } of messages) {
    if (role === 'system') system.push(content)
    else if (role === 'tool') turns.push(`${name} → ${content}`)
    else if (content !== '') turns.push(`${role}: ${content}`)
    for (const call of calls ?? [])
      turns.push(callText(call.function.name, JSON.stringify(call.function.arguments)))
  }
  const { stop, num_predict: maxTokens } = body.options ?? {}
  return {
    system: system.join('\n'),
    turns,
    tools: (body.tools ?? []).map((tool) => tool.function.name ?? ''),
    toolChoice: isBound(request) ? 'required' : undefined,
    images: messages.flatMap(({ images }) => (images ?? []).map(String)),
    schema: isBound(request) ? undefined : body.format,
    thinks: body.think !== undefined && body.think !== false,
    stop: stop ?? [],
    maxTokens,
  }
}
