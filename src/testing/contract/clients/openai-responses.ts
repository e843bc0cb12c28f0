import { APIError, OpenAI } from 'openai'
import type {
  Response,
  ResponseCreateParamsNonStreaming,
  ResponseInputItem,
} from 'openai/resources/responses/responses'

import type { Ask, Turn } from '../cases.ts'
import type { ClientParts, ContractClient, Heard } from '../client.ts'

/** `openai` from npm, asking for responses. */
export function openAiResponsesClient({ url, key, model }: ClientParts): ContractClient {
  const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 })
  return {
    surface: 'openai-responses',
    whole: async (ask) => heard(await openai.responses.create({ model, ...bodyOf(ask) })),
    stream: async (ask, onPiece, signal) => {
      const stream = await openai.responses.create({ model, ...bodyOf(ask), stream: true }, { signal })
      let last: Response | undefined
      for await (const event of stream) {
        if (event.type === 'response.output_text.delta' && event.delta !== '') onPiece(event.delta)
        if (event.type === 'response.completed' || event.type === 'response.incomplete') last = event.response
        if (event.type === 'response.failed') throw new SaidFailed(event.response.error?.code)
        if (event.type === 'error') throw new SaidFailed(event.code ?? undefined)
      }
      if (last === undefined) throw new Error('The stream ended without the whole response.')
      return heard(last)
    },
    isFailure: (thrown) => thrown instanceof APIError || thrown instanceof SaidFailed,
  }
}

/** The stream said that it failed, in an event that the SDK hands on. */
class SaidFailed extends Error {}

function bodyOf(ask: Ask): Omit<ResponseCreateParamsNonStreaming, 'model'> {
  const { system, turns, tools, toolChoice, schema, effort, stop, maxTokens } = ask
  return {
    store: false,
    ...(system !== undefined && { instructions: system }),
    input: turns.flatMap(itemsOf),
    ...(tools && {
      tools: tools.map(({ name, description, parameters }) => ({
        type: 'function' as const,
        name,
        description,
        parameters: { ...parameters },
        strict: false,
      })),
    }),
    ...(toolChoice && { tool_choice: toolChoice }),
    ...(schema && {
      text: { format: { type: 'json_schema', name: 'answer', strict: true, schema: { ...schema } } },
    }),
    ...(effort && { reasoning: { effort } }),
    // The dialect has no field for it: what its users send beyond the types.
    ...(stop !== undefined && { stop }),
    ...(maxTokens !== undefined && { max_output_tokens: maxTokens }),
  }
}

function itemsOf(turn: Turn): ResponseInputItem[] {
  if (turn.by === 'tools')
    return turn.results.map(({ id, result }) => ({
      type: 'function_call_output',
      call_id: id,
      output: result,
    }))
  if (turn.by === 'assistant') {
    const calls = (turn.calls ?? []).map(({ id, name, input }) => ({
      type: 'function_call' as const,
      call_id: id,
      name,
      arguments: JSON.stringify(input),
    }))
    return [
      ...(turn.text === undefined ? [] : [{ role: 'assistant' as const, content: turn.text }]),
      ...calls,
    ]
  }
  if (turn.png === undefined) return [{ role: 'user', content: turn.text }]
  return [
    {
      role: 'user',
      content: [
        { type: 'input_text', text: turn.text },
        { type: 'input_image', image_url: `data:image/png;base64,${turn.png}`, detail: 'auto' },
      ],
    },
  ]
}

function heard({ output, status, incomplete_details: cut, usage }: Response): Heard {
  const parts = output.flatMap((item) => (item.type === 'message' ? item.content : []))
  const refusal = parts.flatMap((part) => (part.type === 'refusal' ? [part.refusal] : [])).join('')
  const calls = output.flatMap((item) =>
    item.type === 'function_call'
      ? [{ name: item.name, input: JSON.parse(item.arguments) as Record<string, string> }]
      : [],
  )
  const isRefused = refusal !== '' || cut?.reason === 'content_filter'
  const isCut = status === 'incomplete' && cut?.reason === 'max_output_tokens'
  return {
    text: parts.flatMap((part) => (part.type === 'output_text' ? [part.text] : [])).join(''),
    refusal,
    reasoning: output
      .flatMap((item) => (item.type === 'reasoning' ? (item.content ?? []).map(({ text }) => text) : []))
      .join(''),
    calls,
    finish: isRefused ? 'refusal' : isCut ? 'length' : calls.length > 0 ? 'tool-calls' : 'stop',
    usage: usage && {
      input: usage.input_tokens,
      cached: usage.input_tokens_details.cached_tokens,
      output: usage.output_tokens,
    },
  }
}
