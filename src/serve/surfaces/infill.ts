import type { ModelEvent } from '../../core/event.ts'
import type { JsonText } from '../../core/json.ts'
import type { CompletionPrompt } from '../../core/request.ts'
import type { AnswerFacts, Surface } from '../../core/surface.ts'
import type { Work } from '../../core/turns.ts'
import { ssePing, sseMessage } from '../stream/sse-writer.ts'
import { Fields, compact } from './fields.ts'
import { answerOf } from './openai-answer.ts'
import { openAiError } from './openai-error.ts'
import { openAiRequest } from './openai-request.ts'
import { openAiSampling } from './openai-sampling.ts'
import { Failure } from '../../core/failure.ts'
import type { FinishReason } from '../../core/event.ts'

/** `POST /infill`: text between a prefix and a suffix, as llama.cpp's editors ask it. */
export const infill: Surface = {
  id: 'infill',
  operation: 'complete',
  dialect: 'infill',
  paths: ['/infill'],
  contentType: { stream: 'text/event-stream; charset=utf-8', whole: 'application/json' },
  heartbeat: ssePing,

  parse(body) {
    const fields = new Fields(body)
    fields.text('input_prefix')
    fields.text('input_suffix')
    const request = openAiRequest({
      operation: 'complete',
      dialect: 'infill',
      body,
      fields,
      maxOutputTokens: undefined,
      prompt: () => infillPrompt(body),
    })
    const limit = fields.integer('n_predict')
    // The last piece tells the usage, and ends the stream: it is always there.
    return {
      ...request,
      wantsUsage: true,
      maxOutputTokens: limit !== undefined && limit > 0 ? limit : undefined,
    }
  },

  whole: (events, facts) => JSON.stringify(lastPiece(events, facts)),

  stream(facts) {
    const seen: ModelEvent[] = []
    return {
      write(event) {
        switch (event.type) {
          case 'text':
            return sseMessage(JSON.stringify({ content: event.text, stop: false }))
          case 'failure':
            return sseMessage(openAiError(new Failure(event.code, event.facts), facts.requestId))
          case 'end':
            return sseMessage(JSON.stringify(lastPiece(seen, facts)))
          default:
            seen.push(event)
            return ''
        }
      },
    }
  },

  isUsageOnly: () => false,
  error: openAiError,
}

function* infillPrompt(body: JsonText): Work<CompletionPrompt> {
  yield* body.decoding()
  const fields = new Fields(body)
  for (const key of ['model', 'stream']) fields.get(key)
  const rest: Record<string, unknown> = {}
  const limit = fields.integer('n_predict')
  const prompt = compact<CompletionPrompt>({
    kind: 'complete',
    ...openAiSampling(fields),
    ...(limit !== undefined && limit >= 0 && { maxOutputTokens: limit }),
    // `prompt` is the beginning of what stands in between.
    prompts: [(fields.text('input_prefix') ?? '') + (fields.text('prompt') ?? '')],
    suffix: fields.text('input_suffix') ?? '',
    rest,
  })
  yield* fields.keepUnread(rest)
  return prompt
}

function lastPiece(events: readonly ModelEvent[], { request }: AnswerFacts) {
  const { choices, model, usage, timing } = answerOf(events)
  const [choice] = choices
  const content = choice?.parts.map((part) => (part.type === 'text' ? part.text : '')).join('') ?? ''
  return {
    content,
    stop: true,
    model: model ?? request.model,
    stop_type: choice?.stopSequence === undefined ? stopTypes[choice?.finish ?? 'stop'] : 'word',
    stopping_word: choice?.stopSequence ?? '',
    tokens_evaluated: usage?.input?.tokens ?? 0,
    tokens_predicted: usage?.output?.tokens ?? 0,
    ...(timing !== undefined && {
      timings: { prompt_ms: timing.prefillMs, predicted_ms: timing.decodeMs },
    }),
  }
}

const stopTypes: Partial<Record<FinishReason, string>> = { stop: 'eos', length: 'limit' }
