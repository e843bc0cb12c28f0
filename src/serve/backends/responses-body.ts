import { JsonText } from '../../core/json.ts'
import type { Dialect } from '../../core/operation.ts'
import type { ChatPrompt, Message, Part, ResponseFormat, Tool, ToolChoice } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { callIds, takenId } from './call-ids.ts'
import { Draft } from './draft.ts'
import { effortOf } from './effort.ts'
import { unsupported } from './quirks.ts'
import { isSealed, reasoningItem } from './sealed-reasoning.ts'

type Json = Record<string, unknown>

/** Fields that cannot be said: named to the client. */
type Warnings = Set<string>

/** The neutral words as a body of `/responses`. What it cannot say is in the draft's warnings. */
export function* responsesDraft(prompt: ChatPrompt, dialect: Dialect): Work<Draft> {
  if ((prompt.choices ?? 1) > 1) throw unsupported('n', 'This interface gives one answer at a time.')
  // Words that OpenAI's chat has too, and that mean the same there.
  const shared = dialect === 'openai-chat' ? sharedFields.filter((field) => field in prompt.rest) : []
  const warnings: Warnings = new Set([
    ...Object.keys(prompt.rest).filter((field) => !shared.includes(field)),
    ...unsaid(prompt),
  ])
  const input: Json[] = []
  for (const message of prompt.messages) {
    input.push(...itemsOf(message, warnings))
    yield
  }
  const effort = effortOf(prompt, warnings)
  const thinks = (effort !== undefined && effort !== 'none') || input.some(({ type }) => type === 'reasoning')
  const include = [
    // Nothing is kept there, so what was thought must travel.
    ...(thinks ? ['reasoning.encrypted_content'] : []),
    ...(prompt.logprobs === true ? ['message.output_text.logprobs'] : []),
  ]
  const body = {
    ...Object.fromEntries(shared.map((field) => [field, prompt.rest[field]])),
    input,
    ...toolsOf(prompt),
    text: prompt.responseFormat && { format: formatOf(prompt.responseFormat) },
    reasoning: effort === undefined ? undefined : { effort },
    include: include.length === 0 ? undefined : include,
    top_logprobs: prompt.topLogprobs,
    max_output_tokens: prompt.maxOutputTokens,
    temperature: prompt.temperature,
    top_p: prompt.topP,
    user: prompt.user,
    store: false,
  }
  return new Draft(yield* JsonText.printed(body), warnings)
}

const sharedFields: readonly string[] = [
  'metadata',
  'service_tier',
  'prompt_cache_key',
  'prompt_cache_retention',
  'safety_identifier',
]

/** Fields of other dialects that have no counterpart here, by their name there. */
const unsaid = (prompt: ChatPrompt): string[] =>
  [
    prompt.stop !== undefined && prompt.stop.length > 0 && 'stop',
    prompt.seed !== undefined && 'seed',
    prompt.topK !== undefined && 'top_k',
    Boolean(prompt.frequencyPenalty) && 'frequency_penalty',
    Boolean(prompt.presencePenalty) && 'presence_penalty',
    prompt.messages.some(({ name }) => name !== undefined) && 'messages[].name',
  ].filter((field) => field !== false)

/** Calls, their results and thoughts are items of their own, between the messages. */
function itemsOf({ role, parts }: Message, warnings: Warnings): Json[] {
  const items: Json[] = []
  let content: Json[] = []
  const flush = (): void => {
    if (content.length > 0) items.push({ type: 'message', role, content })
    content = []
  }
  for (const part of parts) {
    const item = itemOf(part, warnings)
    if (item === 'content') content.push(contentOf(part, role))
    else if (item !== undefined) {
      flush()
      items.push(item)
    }
  }
  flush()
  return items
}

function itemOf(part: Part, warnings: Warnings): Json | 'content' | undefined {
  switch (part.type) {
    case 'tool-call':
      return {
        type: 'function_call',
        call_id: takenId(part.id, callIds.responses),
        name: part.name,
        arguments: part.input,
      }
    case 'tool-result':
      if (part.isError === true) warnings.add('messages[].content[].is_error')
      return {
        type: 'function_call_output',
        call_id: takenId(part.id, callIds.responses),
        output: outputOf(part.parts),
      }
    case 'reasoning':
      // What another vendor thought means nothing here.
      if (isSealed(part)) return reasoningItem(part)
      warnings.add('reasoning')
      return undefined
    case 'opaque':
      if (part.dialect === 'openai-responses') return part.value as Json
      throw untranslatable()
    default:
      return 'content'
  }
}

function contentOf(part: Part, role: Message['role']): Json {
  if (part.type === 'text')
    return { type: role === 'assistant' ? 'output_text' : 'input_text', text: part.text }
  if (part.type !== 'image' || role === 'assistant') throw untranslatable()
  const { source, detail } = part
  const url = 'url' in source ? source.url : `data:${source.mediaType};base64,${source.data}`
  return { type: 'input_image', image_url: url, detail: detail ?? 'auto' }
}

const outputOf = (parts: readonly Part[]): unknown =>
  parts.every((part) => part.type === 'text')
    ? parts.map(({ text }) => text).join('')
    : parts.map((part) => contentOf(part, 'user'))

const untranslatable = () =>
  unsupported('messages', 'A part of a message cannot be said in this backend’s dialect.')

function toolsOf({ tools = [], toolChoice, parallelToolCalls }: ChatPrompt): Json {
  if (tools.length === 0) return {}
  return {
    tools: tools.map(toolOf),
    tool_choice: toolChoice && toolChoiceOf(toolChoice),
    parallel_tool_calls: parallelToolCalls,
  }
}

/** Where nothing is said this interface holds to the schema strictly, and refuses most; chat does not. */
const toolOf = ({ name, description, parameters, strict }: Tool): Json => ({
  type: 'function',
  name,
  description,
  parameters: parameters ?? { type: 'object', properties: {} },
  strict: strict ?? false,
})

const toolChoiceOf = (choice: ToolChoice): unknown =>
  typeof choice === 'string' ? choice : { type: 'function', name: choice.name }

function formatOf(format: ResponseFormat): Json {
  if (format.type !== 'json-schema') return { type: format.type === 'json' ? 'json_object' : 'text' }
  const { name, schema, strict } = format
  return { type: 'json_schema', name, schema, strict }
}
