import type { JsonText } from '../../core/json.ts'
import type { ChatPrompt, ResponseFormat, Tool, ToolChoice } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { anthropicTurns } from './anthropic-turns.ts'
import { Fields, compact } from './fields.ts'

type Rest = Record<string, unknown>

/** A Messages body in the neutral words. Throws `Failure('bad_request')` with `param`. */
export function* anthropicPrompt(body: JsonText): Work<ChatPrompt> {
  yield* body.decoding()
  const fields = new Fields(body)
  // What is cached makes an answer cheaper, not another one.
  for (const key of ['model', 'stream', 'cache_control']) fields.get(key)
  const rest: Rest = {}
  const metadata = fields.object('metadata')
  const prompt = compact<ChatPrompt>({
    kind: 'chat',
    messages: yield* anthropicTurns(fields, rest),
    ...(yield* toolsOf(fields, rest)),
    ...(yield* thinkingOf(fields, rest)),
    maxOutputTokens: fields.integer('max_tokens', 0),
    temperature: fields.number('temperature'),
    topP: fields.number('top_p'),
    topK: fields.integer('top_k'),
    stop: stopTexts(fields),
    user: metadata?.text('user_id'),
    rest,
  })
  if (metadata !== undefined) yield* metadata.keepUnread(rest)
  yield* fields.keepUnread(rest)
  return prompt
}

type ToolWords = Pick<ChatPrompt, 'tools' | 'toolChoice' | 'parallelToolCalls'>

/** Tools that the client runs; those of Anthropic’s own (web search, bash, a text editor …) are kept in `rest` by their type. */
function* toolsOf(fields: Fields, rest: Rest): Work<ToolWords> {
  const list = fields.objects('tools')
  const made: Tool[] = []
  for (const tool of list ?? []) {
    const type = tool.text('type') ?? 'custom'
    if (type !== 'custom') {
      rest[`tools[].${type}`] = true
      continue
    }
    // How a tool is cached, found or streamed changes nothing where all are in the prompt.
    for (const hint of ['cache_control', 'defer_loading', 'eager_input_streaming']) tool.get(hint)
    made.push(
      compact<Tool>({
        name: tool.required('name', tool.text('name')),
        description: tool.text('description'),
        parameters: tool.get('input_schema'),
        strict: tool.boolean('strict'),
      }),
    )
    yield* tool.keepUnread(rest)
    yield
  }
  const choice = fields.object('tool_choice')
  return compact<ToolWords>({
    tools: list === undefined ? undefined : made,
    toolChoice: choice && choiceOf(choice, made, rest),
    parallelToolCalls: choice?.boolean('disable_parallel_tool_use') === true ? false : undefined,
  })
}

function choiceOf(choice: Fields, tools: readonly Tool[], rest: Rest): ToolChoice | undefined {
  const type = choice.text('type')
  switch (type) {
    case 'auto':
    case 'none':
      return type
    case 'any':
      return 'required'
    case 'tool': {
      const name = choice.required('name', choice.text('name'))
      if (tools.some((tool) => tool.name === name)) return { name }
      // One of Anthropic’s own.
      rest['tool_choice'] = name
      return undefined
    }
    default:
      throw choice.wrong('type', 'must be auto, any, tool or none')
  }
}

type Thinking = Pick<ChatPrompt, 'reasoningEffort' | 'reasoningBudgetTokens' | 'responseFormat'>

/** `adaptive` leaves it to the model, as saying nothing does. */
function* thinkingOf(fields: Fields, rest: Rest): Work<Thinking> {
  const thinking = fields.object('thinking')
  const type = thinking?.text('type')
  const config = fields.object('output_config')
  const effort = config?.text('effort')
  const level = effort === undefined ? undefined : (efforts[effort] ?? effort)
  if (level !== effort) rest['output_config.effort'] = effort
  const said = compact<Thinking>({
    reasoningEffort: type === 'disabled' ? 'none' : level,
    reasoningBudgetTokens: type === 'enabled' ? thinking?.integer('budget_tokens', 0) : undefined,
    responseFormat: formatOf(config?.object('format')) ?? formatOf(fields.object('output_format')),
  })
  if (thinking !== undefined) yield* thinking.keepUnread(rest)
  if (config !== undefined) yield* config.keepUnread(rest)
  return said
}

/** Above `high` there is no level that all engines know: they refuse what they do not. */
const efforts: Readonly<Record<string, string | undefined>> = { xhigh: 'high', max: 'high' }

function formatOf(format: Fields | undefined): ResponseFormat | undefined {
  if (format === undefined) return undefined
  if (format.text('type') !== 'json_schema') throw format.wrong('type', 'must be json_schema')
  return { type: 'json-schema', name: 'answer', schema: format.get('schema') ?? {} }
}

function stopTexts(fields: Fields): readonly string[] | undefined {
  const stop = fields.list('stop_sequences')
  if (stop === undefined) return undefined
  const isTexts = stop.every((item) => typeof item === 'string')
  if (!isTexts) throw fields.wrong('stop_sequences', 'must be a list of strings')
  return stop
}
