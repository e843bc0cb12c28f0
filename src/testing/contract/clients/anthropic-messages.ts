import Anthropic, { APIError } from '@anthropic-ai/sdk'

import type { FinishReason } from '../../../core/event.ts'
import type { Ask, Turn } from '../cases.ts'
import type { ClientParts, ContractClient, Heard } from '../client.ts'

/** `@anthropic-ai/sdk` from npm. */
export function anthropicClient({ url, key, model }: ClientParts): ContractClient {
  const anthropic = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 })
  return {
    surface: 'anthropic-messages',
    whole: async (ask) => heard(await anthropic.messages.create({ model, ...bodyOf(ask) })),
    stream: async (ask, onPiece, signal) => {
      const stream = anthropic.messages.stream({ model, ...bodyOf(ask) }, { signal })
      stream.on('text', (text) => {
        if (text !== '') onPiece(text)
      })
      return heard(await stream.finalMessage())
    },
    isFailure: (thrown) => thrown instanceof APIError,
  }
}

function bodyOf(ask: Ask): Omit<Anthropic.MessageCreateParamsNonStreaming, 'model'> {
  const { system, turns, tools, toolChoice, schema, effort, stop, maxTokens } = ask
  return {
    max_tokens: maxTokens ?? (effort === undefined ? 64 : 2048),
    ...(system !== undefined && { system }),
    messages: turns.map(messageOf),
    ...(tools && {
      tools: tools.map(({ name, description, parameters }) => ({
        name,
        description,
        input_schema: { ...parameters, type: 'object' as const },
      })),
    }),
    ...(toolChoice && { tool_choice: { type: 'any' } }),
    ...(schema && { output_config: { format: { type: 'json_schema', schema: { ...schema } } } }),
    ...(effort && { thinking: { type: 'enabled', budget_tokens: 1024 } }),
    ...(stop !== undefined && { stop_sequences: [stop] }),
  }
}

function messageOf(turn: Turn): Anthropic.MessageParam {
  if (turn.by === 'tools') {
    return {
      role: 'user',
      content: turn.results.map(({ id, result }) => ({
        type: 'tool_result',
        tool_use_id: id,
        content: result,
      })),
    }
  }
  if (turn.by === 'assistant') {
    return {
      role: 'assistant',
      content: [
        ...(turn.text === undefined ? [] : [{ type: 'text' as const, text: turn.text }]),
        ...(turn.calls ?? []).map(({ id, name, input }) => ({ type: 'tool_use' as const, id, name, input })),
      ],
    }
  }
  if (turn.png === undefined) return { role: 'user', content: turn.text }
  return {
    role: 'user',
    content: [
      { type: 'text', text: turn.text },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: turn.png } },
    ],
  }
}

const finishes: Readonly<Record<string, FinishReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  tool_use: 'tool-calls',
  refusal: 'refusal',
}

function heard({ content, stop_reason: reason, usage }: Anthropic.Message): Heard {
  const text = content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('')
  const finish = finishes[reason ?? ''] ?? 'other'
  const cached = usage.cache_read_input_tokens ?? 0
  return {
    // A refusal has no field of its own here: its words are text.
    text: finish === 'refusal' ? '' : text,
    refusal: finish === 'refusal' ? text : '',
    reasoning: content.flatMap((block) => (block.type === 'thinking' ? [block.thinking] : [])).join(''),
    calls: content.flatMap((block) =>
      block.type === 'tool_use' ? [{ name: block.name, input: block.input as Record<string, string> }] : [],
    ),
    finish,
    usage: {
      input: usage.input_tokens + cached + (usage.cache_creation_input_tokens ?? 0),
      cached,
      output: usage.output_tokens,
    },
  }
}
