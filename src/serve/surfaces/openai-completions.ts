import type { ModelEvent } from '../../core/event.ts'
import type { JsonText } from '../../core/json.ts'
import type { CompletionPrompt } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import type { AnswerFacts, StreamWriter, Surface } from '../../core/surface.ts'
import type { AnswerChoice } from '../stream/fold.ts'
import { ssePing } from '../stream/sse-writer.ts'
import { Fields, compact } from './fields.ts'
import { answerOf, finishName, headOf, openAiUsage, saysOnlyUsage } from './openai-answer.ts'
import { Chunks } from './openai-chunks.ts'
import { openAiError } from './openai-error.ts'
import { tokenInputs } from './openai-inputs.ts'
import { openAiRequest, requireList } from './openai-request.ts'
import { openAiSampling } from './openai-sampling.ts'

/** `POST /v1/completions`. Reasoning and tool calls have no face here. */
export const openAiCompletions: Surface = {
  id: 'openai-completions',
  operation: 'complete',
  dialect: 'openai-completions',
  paths: ['/v1/completions'],
  contentType: { stream: 'text/event-stream; charset=utf-8', whole: 'application/json' },
  heartbeat: ssePing,

  parse(body) {
    const fields = new Fields(body)
    requireList(body, fields, 'prompt', 'or text')
    fields.integer('n', 1, 128)
    return openAiRequest({
      operation: 'complete',
      dialect: 'openai-completions',
      body,
      fields,
      // None at all is asked for with `echo`, to have a prompt's own logprobs.
      maxOutputTokens: fields.integer('max_tokens', 0),
      prompt: () => completionPrompt(body),
    })
  },

  whole(events, facts) {
    const answer = answerOf(events)
    return JSON.stringify({
      ...answer.rest,
      ...headOf(answer, facts, 'cmpl', 'text_completion'),
      choices: answer.choices.map(wholeChoice),
      ...(answer.usage !== undefined && { usage: openAiUsage(answer.usage) }),
    })
  },

  stream: (facts) => new CompletionWriter(facts),
  isUsageOnly: (frame) => saysOnlyUsage(frame.events()),
  error: openAiError,
}

function* completionPrompt(body: JsonText): Work<CompletionPrompt> {
  yield* body.decoding()
  const fields = new Fields(body)
  for (const key of ['model', 'stream', 'stream_options']) fields.get(key)
  const rest: Record<string, unknown> = {}
  const prompt = compact<CompletionPrompt>({
    kind: 'complete',
    ...openAiSampling(fields),
    prompts: tokenInputs(fields, 'prompt'),
    suffix: fields.text('suffix'),
    echo: fields.boolean('echo'),
    choices: fields.integer('n', 1, 128),
    logprobs: fields.integer('logprobs', 0),
    rest,
  })
  yield* fields.keepUnread(rest)
  return prompt
}

const wholeChoice = ({ index, parts, logprobs, finish }: AnswerChoice) => ({
  text: parts
    .flatMap((part) => (part.type === 'text' || part.type === 'refusal' ? [part.text] : []))
    .join(''),
  index,
  logprobs: logprobs ?? null,
  finish_reason: finishName(finish === 'tool-calls' ? 'stop' : finish),
})

class CompletionWriter implements StreamWriter {
  readonly #chunks: Chunks

  constructor(facts: AnswerFacts) {
    this.#chunks = new Chunks(facts, 'cmpl', 'text_completion')
  }

  write(event: ModelEvent): string {
    switch (event.type) {
      case 'text':
      case 'refusal':
        return this.#choice(event.choice, event.text)
      case 'logprobs':
        return this.#choice(event.choice, '', event.logprobs)
      case 'finish':
        return this.#choice(
          event.choice,
          '',
          null,
          finishName(event.reason === 'tool-calls' ? 'stop' : event.reason),
        )
      default:
        return this.#chunks.write(event)
    }
  }

  #choice(index = 0, text = '', logprobs: unknown = null, finish: string | null = null): string {
    return this.#chunks.chunk(JSON.stringify({ text, index, logprobs, finish_reason: finish }))
  }
}
