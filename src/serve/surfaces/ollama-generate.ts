import { Failure } from '../../core/failure.ts'
import type { JsonText } from '../../core/json.ts'
import type { ChatPrompt, CompletionPrompt } from '../../core/request.ts'
import type { Surface } from '../../core/surface.ts'
import type { Work } from '../../core/turns.ts'
import { Fields, compact } from './fields.ts'
import { ollamaAnswers, type Said } from './ollama-answer.ts'
import { contentOf, oneTurn } from './ollama-messages.ts'
import { ollamaSampling, thinkingAndFormat } from './ollama-options.ts'
import { ollamaRequest } from './ollama-request.ts'

/**
 * `POST /api/generate`. A prompt goes through the model's chat template here, so it is a chat of one question; `raw`
 * leaves the template out, and `suffix` fills in before it: both complete a text.
 */
export const ollamaGenerate: Surface = {
  id: 'ollama-generate',
  operation: 'complete',
  dialect: 'ollama-generate',
  paths: ['/api/generate'],
  ...ollamaAnswers(face),

  parse(body) {
    const isRaw = completes(body)
    return ollamaRequest({
      operation: isRaw ? 'complete' : 'chat',
      dialect: 'ollama-generate',
      body,
      prompt: isRaw ? completionPrompt : questionPrompt,
    })
  },
}

function completes(body: JsonText): boolean {
  const fields = new Fields(body)
  // Checked where it is cheap: a large prompt stays undecoded.
  const type = body.typeOf('prompt')
  if (type === 'list' || type === 'other') throw fields.wrong('prompt', 'must be a string')
  const isRaw = fields.boolean('raw') ?? false
  if (isRaw && ['system', 'template', 'context'].some((key) => isSaid(fields.get(key)))) {
    throw new Failure('bad_request', {
      message: 'raw mode does not support template, system, or context.',
      param: 'raw',
    })
  }
  return isRaw || isSaid(fields.text('suffix'))
}

const isSaid = (value: unknown): boolean =>
  value !== undefined && value !== '' && !(Array.isArray(value) && value.length === 0)

function* questionPrompt(fields: Fields, rest: Record<string, unknown>): Work<ChatPrompt> {
  for (const key of ['raw', 'suffix']) fields.get(key)
  return compact<ChatPrompt>({
    kind: 'chat',
    ...(yield* ollamaSampling(fields, rest)),
    messages: oneTurn(fields.text('system'), yield* contentOf(fields, 'prompt')),
    ...thinkingAndFormat(fields),
    rest,
  })
}

function* completionPrompt(fields: Fields, rest: Record<string, unknown>): Work<CompletionPrompt> {
  fields.get('raw')
  for (const key of ['images', 'format'] as const) {
    if (!isSaid(fields.get(key))) continue
    throw new Failure('unsupported', {
      message: `\`${key}\` has no place in a text that is only completed.`,
      help: 'Leave out `raw` and `suffix`, or this field.',
      param: key,
    })
  }
  const suffix = fields.text('suffix')
  const wantsLogprobs = fields.boolean('logprobs') ?? false
  const top = fields.integer('top_logprobs', 0, 20)
  return compact<CompletionPrompt>({
    kind: 'complete',
    ...(yield* ollamaSampling(fields, rest)),
    prompts: [fields.text('prompt') ?? ''],
    suffix: suffix === '' ? undefined : suffix,
    logprobs: top ?? (wantsLogprobs ? 0 : undefined),
    rest,
  })
}

function face({ text = '', thinking, calls, untranslated }: Said) {
  return {
    response: text,
    ...(thinking !== undefined && { thinking }),
    ...(calls !== undefined && { tool_calls: calls }),
    ...(untranslated !== undefined && { untranslated }),
  }
}
