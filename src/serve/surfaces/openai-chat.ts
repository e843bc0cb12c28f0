import type { ModelEvent } from '../../core/event.ts'
import type { AnswerFacts, StreamWriter, Surface } from '../../core/surface.ts'
import type { AnswerChoice } from '../stream/fold.ts'
import { ssePing } from '../stream/sse-writer.ts'
import { Fields } from './fields.ts'
import { answerOf, finishName, headOf, openAiUsage, saysOnlyUsage } from './openai-answer.ts'
import { chatPrompt } from './openai-chat-prompt.ts'
import { Chunks } from './openai-chunks.ts'
import { openAiError } from './openai-error.ts'
import { openAiRequest, requireMessages } from './openai-request.ts'

/** `POST /v1/chat/completions`. */
export const openAiChat: Surface = {
  id: 'openai-chat',
  operation: 'chat',
  dialect: 'openai-chat',
  paths: ['/v1/chat/completions'],
  contentType: { stream: 'text/event-stream; charset=utf-8', whole: 'application/json' },
  heartbeat: ssePing,

  parse(body) {
    const fields = new Fields(body)
    requireMessages(body, fields)
    fields.integer('n', 1, 128)
    const legacyLimit = fields.integer('max_tokens', 1)
    return openAiRequest({
      operation: 'chat',
      dialect: 'openai-chat',
      body,
      fields,
      maxOutputTokens: fields.integer('max_completion_tokens', 1) ?? legacyLimit,
      prompt: () => chatPrompt(body),
    })
  },

  whole(events, facts) {
    const answer = answerOf(events)
    return JSON.stringify({
      ...answer.rest,
      ...headOf(answer, facts, 'chatcmpl', 'chat.completion'),
      choices: answer.choices.map(wholeChoice),
      ...(answer.usage !== undefined && { usage: openAiUsage(answer.usage) }),
    })
  },

  stream: (facts) => new ChatWriter(facts),
  isUsageOnly: (frame) => saysOnlyUsage(frame.events()),
  error: openAiError,
}

function wholeChoice({ index, parts, logprobs, finish }: AnswerChoice) {
  const text = (type: 'text' | 'reasoning' | 'refusal'): string | undefined => {
    const texts = parts.flatMap((part) => (part.type === type ? [part.text] : []))
    return texts.length === 0 ? undefined : texts.join('')
  }
  const calls = parts.flatMap((part) =>
    part.type === 'tool-call'
      ? [{ id: part.id, type: 'function', function: { name: part.name, arguments: part.input } }]
      : [],
  )
  const untranslated = parts
    .flatMap((part) => (part.type === 'opaque' ? [part.value] : []))
    .map((value, at) => ({ index: at, value }))
  const refusal = text('refusal')
  const reasoning = text('reasoning')
  return {
    index,
    message: {
      role: 'assistant',
      content: text('text') ?? (calls.length > 0 || refusal !== undefined ? null : ''),
      refusal: refusal ?? null,
      ...(reasoning !== undefined && { reasoning_content: reasoning }),
      ...(calls.length > 0 && { tool_calls: calls }),
      ...(untranslated.length > 0 && { untranslated }),
    },
    logprobs: logprobs ?? null,
    finish_reason: finishName(finish),
  }
}

/** A chunk for each event that has a face here; the first of a choice only names its role. */
class ChatWriter implements StreamWriter {
  readonly #chunks: Chunks
  readonly #opened = new Set<number>()
  #untranslated = 0

  constructor(facts: AnswerFacts) {
    this.#chunks = new Chunks(facts, 'chatcmpl', 'chat.completion.chunk')
  }

  write(event: ModelEvent): string {
    switch (event.type) {
      case 'start':
        this.#chunks.write(event)
        return this.#open(0)
      case 'text':
        return this.#delta(event.choice, `"content":${JSON.stringify(event.text)}`)
      case 'reasoning':
        return this.#delta(event.choice, `"reasoning_content":${JSON.stringify(event.text)}`)
      case 'refusal':
        return this.#delta(event.choice, `"refusal":${JSON.stringify(event.text)}`)
      case 'tool-call': {
        const { index, id, name } = event
        const call = { index, id, type: 'function', function: { name, arguments: '' } }
        return this.#delta(event.choice, `"tool_calls":[${JSON.stringify(call)}]`)
      }
      case 'tool-input': {
        const json = JSON.stringify(event.json)
        const call = `{"index":${event.index},"function":{"arguments":${json}}}`
        return this.#delta(event.choice, `"tool_calls":[${call}]`)
      }
      case 'opaque': {
        // Clients that join deltas want an index in the items of a list.
        const item = { index: this.#untranslated++, value: event.value }
        return this.#delta(event.choice, `"untranslated":[${JSON.stringify(item)}]`)
      }
      case 'logprobs':
        return this.#delta(event.choice, '', JSON.stringify(event.logprobs ?? null))
      case 'finish':
        return this.#delta(event.choice, '', 'null', `"${finishName(event.reason)}"`)
      default:
        return this.#chunks.write(event)
    }
  }

  #delta(choice: number | undefined, delta: string, logprobs = 'null', finish = 'null'): string {
    const index = choice ?? 0
    const opening = this.#open(index)
    return (
      opening +
      this.#chunks.chunk(
        `{"index":${index},"delta":{${delta}},"logprobs":${logprobs},"finish_reason":${finish}}`,
      )
    )
  }

  #open(index: number): string {
    if (this.#opened.has(index)) return ''
    this.#opened.add(index)
    const delta = '{"role":"assistant","content":"","refusal":null}'
    return this.#chunks.chunk(`{"index":${index},"delta":${delta},"logprobs":null,"finish_reason":null}`)
  }
}
