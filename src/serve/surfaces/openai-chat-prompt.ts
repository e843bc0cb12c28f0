import { isObject } from '../../core/is-object.ts'
import type { JsonText } from '../../core/json.ts'
import type { ChatPrompt, ResponseFormat, Tool, ToolChoice } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { Fields, compact } from './fields.ts'
import { openAiMessages } from './openai-messages.ts'
import { openAiSampling } from './openai-sampling.ts'

/** A chat body in the neutral words. Throws `Failure('bad_request')` with `param`. */
export function* chatPrompt(body: JsonText): Work<ChatPrompt> {
  yield* body.decoding()
  const fields = new Fields(body)
  for (const key of ['model', 'stream', 'stream_options']) fields.get(key)
  const rest: Record<string, unknown> = {}
  const sampling = openAiSampling(fields)
  const prompt = compact<ChatPrompt>({
    kind: 'chat',
    ...sampling,
    maxOutputTokens: fields.integer('max_completion_tokens', 1) ?? sampling.maxOutputTokens,
    messages: yield* openAiMessages(fields, rest),
    tools: yield* tools(fields, rest),
    toolChoice: toolChoice(fields, rest),
    parallelToolCalls: fields.boolean('parallel_tool_calls'),
    responseFormat: yield* responseFormat(fields, rest),
    reasoningEffort: fields.text('reasoning_effort'),
    choices: fields.integer('n', 1, 128),
    logprobs: fields.boolean('logprobs'),
    topLogprobs: fields.integer('top_logprobs', 0),
    user: fields.text('user'),
    rest,
  })
  yield* fields.keepUnread(rest)
  return prompt
}

/** Functions; tools of other types are kept in `rest` under their type. */
export function* tools(fields: Fields, rest: Record<string, unknown>): Work<Tool[] | undefined> {
  const list = fields.objects('tools')
  if (list === undefined) return undefined
  const made: Tool[] = []
  for (const tool of list) {
    const type = tool.text('type') ?? 'function'
    if (type !== 'function') {
      rest[`tools[].${type}`] = tool.get(type) ?? true
      continue
    }
    const about = tool.required('function', tool.object('function'))
    made.push(
      compact<Tool>({
        name: about.required('name', about.text('name')),
        description: about.text('description'),
        parameters: about.get('parameters'),
        strict: about.boolean('strict'),
      }),
    )
    yield* tool.keepUnread(rest)
    yield* about.keepUnread(rest)
    yield
  }
  return made
}

function toolChoice(fields: Fields, rest: Record<string, unknown>): ToolChoice | undefined {
  const choice = fields.get('tool_choice')
  if (choice === undefined || choice === 'auto' || choice === 'none' || choice === 'required') return choice
  const name = isObject(choice) && isObject(choice['function']) ? choice['function']['name'] : undefined
  if (typeof name === 'string') return { name }
  if (!isObject(choice)) throw fields.wrong('tool_choice', 'must be auto, none, required, or name a function')
  rest['tool_choice'] = choice
  return undefined
}

function* responseFormat(fields: Fields, rest: Record<string, unknown>): Work<ResponseFormat | undefined> {
  const format = fields.object('response_format')
  switch (format?.text('type')) {
    case undefined:
      return undefined
    case 'text':
      return { type: 'text' }
    case 'json_object':
      yield* format.keepUnread(rest)
      return { type: 'json' }
    case 'json_schema': {
      const about = format.required('json_schema', format.object('json_schema'))
      const made = compact<ResponseFormat & { type: 'json-schema' }>({
        type: 'json-schema',
        name: about.text('name') ?? 'answer',
        schema: about.get('schema') ?? {},
        strict: about.boolean('strict'),
      })
      yield* about.keepUnread(rest)
      return made
    }
    default:
      rest['response_format'] = fields.get('response_format')
      return undefined
  }
}
