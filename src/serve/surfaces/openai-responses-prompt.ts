import type { JsonText } from '../../core/json.ts'
import type { ChatPrompt, ResponseFormat } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { Fields, compact } from './fields.ts'
import { responsesMessages } from './openai-responses-items.ts'
import { chosenTools, offeredTools } from './openai-responses-tools.ts'
import { openAiSampling } from './openai-sampling.ts'

/** A responses body in the neutral words. Throws `Failure('bad_request')` with `param`. */
export function* responsesPrompt(body: JsonText): Work<ChatPrompt> {
  yield* body.decoding()
  const fields = new Fields(body)
  for (const key of notForTheModel) fields.get(key)
  for (const key of ['prompt', 'conversation'])
    if (fields.get(key) !== undefined) throw fields.wrong(key, 'names what only its origin keeps')
  const rest: Record<string, unknown> = {}
  const { tools, toolChoice } = chosenTools(fields, yield* offeredTools(fields, rest), rest)
  const included = includes(fields, rest)
  const top = fields.integer('top_logprobs', 0)
  const user = fields.text('user')
  const sampling = openAiSampling(fields)
  const prompt = compact<ChatPrompt>({
    kind: 'chat',
    ...sampling,
    maxOutputTokens: fields.integer('max_output_tokens', 1) ?? sampling.maxOutputTokens,
    messages: yield* responsesMessages(fields, rest),
    tools: tools.length === 0 ? undefined : tools.map(({ tool }) => tool),
    toolChoice,
    parallelToolCalls: fields.boolean('parallel_tool_calls'),
    responseFormat: yield* responseFormat(fields, rest),
    reasoningEffort: yield* effort(fields, rest),
    logprobs: included.has('message.output_text.logprobs') || (top ?? 0) > 0 || undefined,
    topLogprobs: top,
    user: user ?? fields.text('safety_identifier'),
    rest,
  })
  for (const [key, usual] of usualChoices) {
    const choice = fields.get(key)
    if (choice !== undefined && !usual.has(choice)) rest[key] = choice
  }
  yield* fields.keepUnread(rest)
  return prompt
}

/** About the answer's way and keeping, hints, and what only tools of the origin have. */
const notForTheModel = [
  'model',
  'stream',
  'stream_options',
  'store',
  'background',
  'metadata',
  'previous_response_id',
  'prompt_cache_key',
  'prompt_cache_retention',
  'client_metadata',
  'max_tool_calls',
]

/** Told where the client chose otherwise: nothing is shortened here, and there is one tier. */
const usualChoices: readonly (readonly [string, ReadonlySet<unknown>])[] = [
  ['truncation', new Set(['disabled'])],
  ['service_tier', new Set(['auto', 'default'])],
]

/** What the client wants beside the answer; what cannot be had is kept in `rest`. */
function includes(fields: Fields, rest: Record<string, unknown>): ReadonlySet<unknown> {
  const asked = fields.list('include') ?? []
  const others = asked.filter((each) => !included.has(each))
  if (others.length > 0) rest['include'] = others
  return new Set(asked)
}

const included: ReadonlySet<unknown> = new Set([
  'message.output_text.logprobs',
  'reasoning.encrypted_content',
])

function* effort(fields: Fields, rest: Record<string, unknown>): Work<string | undefined> {
  const reasoning = fields.object('reasoning')
  if (reasoning === undefined) return undefined
  // Thoughts are always shown as their own summary.
  reasoning.get('summary')
  const level = reasoning.text('effort')
  yield* reasoning.keepUnread(rest)
  return level
}

function* responseFormat(fields: Fields, rest: Record<string, unknown>): Work<ResponseFormat | undefined> {
  const text = fields.object('text')
  if (text === undefined) return undefined
  if (text.get('verbosity') !== undefined && text.get('verbosity') !== 'medium')
    rest['text.verbosity'] = text.get('verbosity')
  const format = text.object('format')
  const made = format === undefined ? undefined : formatOf(format)
  if (format !== undefined && made === undefined) rest['text.format'] = text.get('format')
  else yield* format?.keepUnread(rest) ?? []
  yield* text.keepUnread(rest)
  return made
}

function formatOf(format: Fields): ResponseFormat | undefined {
  switch (format.text('type')) {
    case 'text':
      return { type: 'text' }
    case 'json_object':
      return { type: 'json' }
    case 'json_schema': {
      const schema = format.get('schema')
      if (schema === undefined) return { type: 'json' }
      const name = format.text('name') ?? 'answer'
      return compact<ResponseFormat & { type: 'json-schema' }>({
        type: 'json-schema',
        name,
        schema,
        strict: format.boolean('strict'),
      })
    }
    default:
      return undefined
  }
}
