import { Ollama, type ChatRequest, type ChatResponse, type Message } from 'ollama'

import type { FinishReason } from '../../../core/event.ts'
import type { Ask, Turn } from '../cases.ts'
import type { ClientParts, ContractClient, Heard } from '../client.ts'

/** `ollama` from npm. */
export function ollamaClient({ url, key, model }: ClientParts): ContractClient {
  const make = (): Ollama => new Ollama({ host: url, headers: { authorization: `Bearer ${key}` } })
  return {
    surface: 'ollama-chat',
    whole: async (ask) => heard([await make().chat({ model, ...bodyOf(ask), stream: false })]),
    stream: async (ask, onPiece, signal) => {
      const ollama = make()
      signal.addEventListener('abort', () => ollama.abort())
      const lines: ChatResponse[] = []
      for await (const line of await ollama.chat({ model, ...bodyOf(ask), stream: true })) {
        lines.push(line)
        if (line.message.content !== '') onPiece(line.message.content)
      }
      return heard(lines)
    },
    // The client makes a plain error of `{"error": …}`, and of what it cannot parse a SyntaxError.
    isFailure: (thrown) =>
      thrown instanceof Error && !(thrown instanceof SyntaxError) && thrown.message !== '',
  }
}

function bodyOf(ask: Ask): Omit<ChatRequest, 'model' | 'stream'> {
  const { system, turns, tools, schema, effort, stop, maxTokens } = ask
  return {
    messages: [
      ...(system === undefined ? [] : [{ role: 'system', content: system }]),
      ...turns.flatMap(messagesOf),
    ],
    ...(tools && {
      tools: tools.map(({ name, description, parameters }) => ({
        type: 'function',
        function: { name, description, parameters: { type: 'object', ...parameters } },
      })),
    }),
    ...(schema && { format: schema }),
    ...(effort && { think: effort }),
    options: {
      ...(stop !== undefined && { stop: [stop] }),
      ...(maxTokens !== undefined && { num_predict: maxTokens }),
    },
  }
}

function messagesOf(turn: Turn): Message[] {
  // Results name their tool; what they answer is found by it.
  if (turn.by === 'tools')
    return turn.results.map(({ name, result }) => ({ role: 'tool', tool_name: name, content: result }))
  if (turn.by === 'assistant') {
    const calls = (turn.calls ?? []).map(({ name, input }) => ({ function: { name, arguments: input } }))
    return [{ role: 'assistant', content: turn.text ?? '', ...(calls.length > 0 && { tool_calls: calls }) }]
  }
  return [{ role: 'user', content: turn.text, ...(turn.png !== undefined && { images: [turn.png] }) }]
}

const finishes: Readonly<Record<string, FinishReason>> = { stop: 'stop', length: 'length' }

function heard(lines: readonly ChatResponse[]): Heard {
  const messages = lines.map(({ message }) => message)
  const last = lines.at(-1)
  const calls = messages.flatMap((message) =>
    (message.tool_calls ?? []).map(({ function: { name, arguments: input } }) => ({
      name,
      input: input as Record<string, string>,
    })),
  )
  const finish = finishes[last?.done_reason ?? ''] ?? 'other'
  return {
    text: messages.map(({ content }) => content).join(''),
    refusal: '',
    reasoning: messages.map(({ thinking }) => thinking ?? '').join(''),
    calls,
    // Ollama ends with `stop` after calls too.
    finish: calls.length > 0 && finish === 'stop' ? 'tool-calls' : finish,
    usage:
      last === undefined
        ? undefined
        : { input: last.prompt_eval_count, cached: undefined, output: last.eval_count },
  }
}
