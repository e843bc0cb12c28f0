import { APIError, OpenAI } from 'openai'

import type { FinishReason } from '../../../core/event.ts'
import type { Ask, Turn } from '../cases.ts'
import type { ClientParts, ContractClient, Heard } from '../client.ts'

type Completion = OpenAI.ChatCompletion
type Param = OpenAI.ChatCompletionMessageParam
/** With the field that engines think in. */
type Message = OpenAI.ChatCompletionMessage & { readonly reasoning_content?: string }

/** `openai` from npm, asking for chat completions. */
export function openAiChatClient({ url, key, model }: ClientParts): ContractClient {
  const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 })
  return {
    surface: 'openai-chat',
    whole: async (ask) => heard(await openai.chat.completions.create({ model, ...bodyOf(ask) })),
    stream: async (ask, onPiece, signal) => {
      const stream = openai.chat.completions.stream(
        { model, ...bodyOf(ask), stream_options: { include_usage: true } },
        { signal },
      )
      let reasoning = ''
      for await (const chunk of stream) {
        const delta = chunk.choices[0]?.delta as { content?: string; reasoning_content?: string } | undefined
        reasoning += delta?.reasoning_content ?? ''
        if (delta?.content !== undefined && delta.content !== '') onPiece(delta.content)
      }
      return { ...heard(await stream.finalChatCompletion()), reasoning }
    },
    isFailure: (thrown) => thrown instanceof APIError,
  }
}

type Body = Pick<OpenAI.ChatCompletionCreateParamsNonStreaming, 'messages'> & Record<string, unknown>

function bodyOf(ask: Ask): Body {
  const { system, turns, tools, toolChoice, schema, effort, stop, maxTokens } = ask
  return {
    messages: [
      ...(system === undefined ? [] : [{ role: 'system', content: system } as const]),
      ...turns.flatMap(messagesOf),
    ],
    ...(tools && {
      tools: tools.map((tool) => ({
        type: 'function',
        function: { ...tool, parameters: { ...tool.parameters } },
      })),
    }),
    ...(toolChoice && { tool_choice: toolChoice }),
    ...(schema && {
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'answer', strict: true, schema: { ...schema } },
      },
    }),
    ...(effort && { reasoning_effort: effort }),
    ...(stop !== undefined && { stop }),
    ...(maxTokens !== undefined && { max_completion_tokens: maxTokens }),
  }
}

function messagesOf(turn: Turn): Param[] {
  if (turn.by === 'tools')
    return turn.results.map(({ id, result }) => ({ role: 'tool', tool_call_id: id, content: result }))
  if (turn.by === 'assistant') {
    const calls = (turn.calls ?? []).map(({ id, name, input }) => ({
      id,
      type: 'function' as const,
      function: { name, arguments: JSON.stringify(input) },
    }))
    return [{ role: 'assistant', content: turn.text ?? null, ...(calls.length > 0 && { tool_calls: calls }) }]
  }
  if (turn.png === undefined) return [{ role: 'user', content: turn.text }]
  return [
    {
      role: 'user',
      content: [
        { type: 'text', text: turn.text },
        { type: 'image_url', image_url: { url: `data:image/png;base64,${turn.png}` } },
      ],
    },
  ]
}

const finishes: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool-calls',
  content_filter: 'refusal',
}

function heard({ choices, usage }: Completion): Heard {
  const [choice] = choices
  const message: Message | undefined = choice?.message
  const refusal = message?.refusal ?? ''
  const finish = finishes[choice?.finish_reason ?? ''] ?? 'other'
  return {
    text: message?.content ?? '',
    reasoning: message?.reasoning_content ?? '',
    refusal,
    calls: (message?.tool_calls ?? []).flatMap((call) =>
      call.type === 'function'
        ? [{ name: call.function.name, input: JSON.parse(call.function.arguments) as Record<string, string> }]
        : [],
    ),
    // OpenAI's own refusals end with `stop`: the field tells.
    finish: refusal === '' ? finish : 'refusal',
    usage: usage && {
      input: usage.prompt_tokens,
      cached: usage.prompt_tokens_details?.cached_tokens ?? 0,
      output: usage.completion_tokens,
    },
  }
}
