import { isObject } from '../../core/is-object.ts'
import type { Failure } from '../../core/failure.ts'
import type { JsonText } from '../../core/json.ts'
import type { Usage } from '../../core/usage.ts'
import { openAiError } from './openai-error.ts'
import type { Json } from './openai-responses-output-items.ts'
import type { OfferedTool } from './openai-responses-tools.ts'

/** The id of the response to a request: `resp_…`. */
export const responseId = (requestId: string): string => `resp_${requestId.replace(/^req_/, '')}`

/** What a response repeats of its request, with the values that stand for what was left out. */
export function echoOf(body: JsonText, tools: readonly OfferedTool[]): Json {
  const read = new Reader(body)
  return {
    previous_response_id: read.text('previous_response_id'),
    instructions: read.text('instructions'),
    // As the model sees them.
    tools: tools.map(({ tool: { name, description = null, parameters = null, strict = null } }) => ({
      type: 'function',
      name,
      description,
      parameters,
      strict,
    })),
    tool_choice: toolChoice(body.get('tool_choice')),
    truncation: 'disabled',
    parallel_tool_calls: read.boolean('parallel_tool_calls', true),
    text: textOf(body.get('text')),
    top_p: read.number('top_p', 1),
    presence_penalty: read.number('presence_penalty', 0),
    frequency_penalty: read.number('frequency_penalty', 0),
    top_logprobs: read.number('top_logprobs', 0),
    temperature: read.number('temperature', 1),
    reasoning: reasoningOf(body.get('reasoning')),
    max_output_tokens: read.number('max_output_tokens', null),
    max_tool_calls: read.number('max_tool_calls', null),
    store: read.boolean('store', true),
    background: read.boolean('background', false),
    service_tier: 'default',
    metadata: body.get('metadata') ?? {},
    safety_identifier: read.text('safety_identifier'),
    prompt_cache_key: read.text('prompt_cache_key'),
  }
}

/** A value of another type is as good as none: whoever asks the model has refused it. */
class Reader {
  readonly #body: JsonText

  constructor(body: JsonText) {
    this.#body = body
  }

  text(key: string): string | null {
    const value = this.#body.get(key)
    return typeof value === 'string' ? value : null
  }

  number<T>(key: string, usual: T): number | T {
    const value = this.#body.get(key)
    return typeof value === 'number' ? value : usual
  }

  boolean(key: string, usual: boolean): boolean {
    const value = this.#body.get(key)
    return typeof value === 'boolean' ? value : usual
  }
}

function toolChoice(choice: unknown): unknown {
  if (choice === 'none' || choice === 'required') return choice
  if (!isObject(choice)) return 'auto'
  const { type, name, tools, mode } = choice
  if (type === 'allowed_tools' && Array.isArray(tools))
    return { type, tools: tools.filter(isObject).map(named), mode: mode === 'required' ? mode : 'auto' }
  return typeof name === 'string' ? named(choice) : 'auto'
}

const named = ({ name }: Record<string, unknown>) => ({ type: 'function', name })

function textOf(text: unknown): Json {
  const { format, verbosity } = isObject(text) ? text : {}
  return {
    format: isObject(format) ? formatOf(format) : { type: 'text' },
    ...(oneOf(verbosities, verbosity) !== null && { verbosity }),
  }
}

/** The specification lets a response say no schema, only that there was one. */
function formatOf({ type, name, description, strict }: Record<string, unknown>): Json {
  if (type === 'json_object') return { type }
  if (type !== 'json_schema') return { type: 'text' }
  return {
    type,
    name: name ?? 'answer',
    description: description ?? null,
    schema: null,
    strict: strict ?? false,
  }
}

function reasoningOf(reasoning: unknown): Json | null {
  if (!isObject(reasoning)) return null
  const { effort, summary } = reasoning
  return { effort: oneOf(efforts, effort), summary: oneOf(summaries, summary) }
}

const oneOf = (known: readonly string[], value: unknown): unknown =>
  known.includes(String(value)) ? value : null

const verbosities = ['low', 'medium', 'high']
const efforts = ['none', 'low', 'medium', 'high', 'xhigh']
const summaries = ['concise', 'detailed', 'auto']

export function responseUsage({ input, output, cached, cacheWrite, reasoning }: Usage): Json {
  const inputTokens = input?.tokens ?? 0
  const outputTokens = output?.tokens ?? 0
  return {
    input_tokens: inputTokens,
    input_tokens_details: {
      cached_tokens: cached?.tokens ?? 0,
      ...(cacheWrite !== undefined && { cache_write_tokens: cacheWrite.tokens }),
    },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoning?.tokens ?? 0 },
    total_tokens: inputTokens + outputTokens,
  }
}

/** A failure as `error` of a response: with the code that clients act on, and the wait that they look for in its text. */
export function responseError(failure: Failure, requestId: string): Json {
  const { error } = JSON.parse(openAiError(failure, requestId)) as {
    readonly error: { readonly message: string; readonly type: string; readonly code: string | null }
  }
  const { retryAfterMs } = failure.facts
  const wait =
    failure.status === 429 && retryAfterMs !== undefined
      ? ` Please try again in ${retryAfterMs / 1000}s.`
      : ''
  return { code: error.code ?? error.type, message: error.message + wait }
}
