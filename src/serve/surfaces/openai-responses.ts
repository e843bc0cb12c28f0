import type { ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import type { AnswerFacts, StreamWriter, Surface } from '../../core/surface.ts'
import { sseMessage, ssePing } from '../stream/sse-writer.ts'
import { Fields } from './fields.ts'
import { openAiError } from './openai-error.ts'
import { openAiRequest, requireList } from './openai-request.ts'
import { ResponseDraft } from './openai-responses-draft.ts'
import { responsesPrompt } from './openai-responses-prompt.ts'

export { responseId } from './openai-responses-resource.ts'

/** `POST /v1/responses`, as the Open Responses specification of 2026-04-24 and OpenAI's clients have it. */
export const openAiResponses: Surface = {
  id: 'openai-responses',
  operation: 'chat',
  dialect: 'openai-responses',
  paths: ['/v1/responses'],
  contentType: { stream: 'text/event-stream; charset=utf-8', whole: 'application/json' },
  heartbeat: ssePing,

  parse(body) {
    const fields = new Fields(body)
    // A stored prompt of the origin brings its own.
    if (!body.has('prompt')) requireList(body, fields, 'input', 'or text')
    return openAiRequest({
      operation: 'chat',
      dialect: 'openai-responses',
      body,
      fields,
      maxOutputTokens: fields.integer('max_output_tokens', 1),
      prompt: () => responsesPrompt(body),
    })
  },

  whole(events, facts) {
    const draft = new ResponseDraft(facts, () => undefined)
    for (const event of events) {
      if (event.type === 'failure') throw new Failure(event.code, event.facts)
      if (event.type !== 'end') draft.see(event)
    }
    draft.see({ type: 'end' })
    return JSON.stringify(draft.resource())
  },

  stream: (facts) => new ResponsesWriter(facts),
  // Usage comes with the last event, asked for or not.
  isUsageOnly: () => false,
  error: openAiError,
}

/** Numbered events, each named twice; `[DONE]` behind the last, as the specification wants it. */
class ResponsesWriter implements StreamWriter {
  readonly #draft: ResponseDraft
  #text = ''
  #number = 0

  constructor(facts: AnswerFacts) {
    this.#draft = new ResponseDraft(facts, (type, fields) => {
      const event = { type, sequence_number: this.#number++, ...fields }
      this.#text += sseMessage(JSON.stringify(event), type)
    })
  }

  write(event: ModelEvent): string {
    this.#draft.see(event)
    const text = this.#text
    this.#text = ''
    return event.type === 'end' || event.type === 'failure' ? `${text}data: [DONE]\n\n` : text
  }
}
