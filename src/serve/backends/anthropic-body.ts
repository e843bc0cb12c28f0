import { isObject } from '../../core/is-object.ts'
import { JsonText, parseJson } from '../../core/json.ts'
import { isSignedHere } from './anthropic-patch.ts'
import type { ChatPrompt, Message, Part, ResponseFormat, Tool, ToolChoice } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { callIds, takenId } from './call-ids.ts'
import { claudeTraits } from './claude-traits.ts'
import type { ClaudeTraits } from './claude-traits.ts'
import { Draft } from './draft.ts'
import { unsupported } from './quirks.ts'

type Json = Record<string, unknown>

/** Fields that cannot be said: named to the client. */
type Warnings = Set<string>

/** The neutral words as a Messages body. What it cannot say is in the draft's warnings. */
export function* anthropicDraft(prompt: ChatPrompt, model: string): Work<Draft> {
  if ((prompt.choices ?? 1) > 1) throw unsupported('n', 'This backend gives one answer at a time.')
  const warnings = new Set([...Object.keys(prompt.rest), ...unsaid(prompt)])
  const system = prompt.messages.filter(({ role }) => role === 'system').map(({ parts }) => textOf(parts))
  const body = {
    system: system.length === 0 ? undefined : system.join('\n\n'),
    messages: yield* turnsOf(prompt.messages, warnings),
    max_tokens: prompt.maxOutputTokens,
    ...toolsOf(prompt, warnings),
    ...thinkingOf(prompt, claudeTraits(model), warnings),
    stop_sequences: prompt.stop?.filter((stop) => stop.trim() !== ''),
    metadata: prompt.user === undefined ? undefined : { user_id: prompt.user },
  }
  return new Draft(yield* JsonText.printed(body), warnings)
}

/** Fields of other dialects that have no counterpart here, by their name there. */
const unsaid = (prompt: ChatPrompt): string[] =>
  [
    prompt.seed !== undefined && 'seed',
    prompt.logprobs === true && 'logprobs',
    prompt.frequencyPenalty !== undefined && prompt.frequencyPenalty !== 0 && 'frequency_penalty',
    prompt.presencePenalty !== undefined && prompt.presencePenalty !== 0 && 'presence_penalty',
    prompt.responseFormat?.type === 'json' && 'response_format',
    prompt.stop?.some((stop) => stop.trim() === '') === true && 'stop',
    prompt.messages.some(({ name }) => name !== undefined) && 'messages[].name',
  ].filter((field) => field !== false)

/** Neighbours of one role are one turn; in it tool results come first, as the API wants them. */
function* turnsOf(messages: readonly Message[], warnings: Warnings): Work<Json[]> {
  const turns: { readonly role: string; readonly results: Json[]; readonly others: Json[] }[] = []
  for (const { role, parts } of messages) {
    if (role === 'system') continue
    const blocks = yield* blocksOf(parts, warnings)
    if (blocks.length === 0) continue
    let turn = turns.at(-1)
    if (turn?.role !== role) turns.push((turn = { role, results: [], others: [] }))
    for (const block of blocks) (block['type'] === 'tool_result' ? turn.results : turn.others).push(block)
  }
  return turns.map(({ role, results, others }) => ({
    role,
    content: results.length === 0 ? others : [...results, ...others],
  }))
}

/** Without what the API refuses: empty text, thoughts of another model. */
function* blocksOf(parts: readonly Part[], warnings: Warnings): Work<Json[]> {
  const blocks: Json[] = []
  for (const part of parts) {
    yield
    if (part.type === 'text' && part.text.trim() === '') continue
    if (part.type === 'reasoning' && !isSignedHere(part.signature)) warnings.add('reasoning')
    else if (part.type === 'tool-result') {
      const content = yield* blocksOf(part.parts, warnings)
      blocks.push({ type: 'tool_result', tool_use_id: taken(part.id), content, is_error: part.isError })
    } else if (part.type === 'tool-call') {
      blocks.push({
        type: 'tool_use',
        id: taken(part.id),
        name: part.name,
        input: yield* inputOf(part.input),
      })
    } else blocks.push(blockOf(part, warnings))
  }
  return blocks
}

const taken = (id: string): string => takenId(id, callIds.anthropic)

function blockOf(part: Exclude<Part, { type: 'tool-call' | 'tool-result' }>, warnings: Warnings): Json {
  switch (part.type) {
    case 'text':
      return { type: 'text', text: part.text }
    case 'image': {
      const { source, detail = 'auto' } = part
      if (detail !== 'auto') warnings.add('messages[].content[].image_url.detail')
      if ('url' in source) return { type: 'image', source: { type: 'url', url: source.url } }
      const { mediaType, data } = source
      return { type: 'image', source: { type: 'base64', media_type: mediaType, data } }
    }
    case 'reasoning':
      return { type: 'thinking', thinking: part.text, signature: part.signature }
    default:
      if (part.dialect === 'anthropic-messages') return part.value as Json
      throw untranslatable()
  }
}

const untranslatable = () =>
  unsupported('messages', 'A part of a message cannot be said in this backend’s dialect.')

/** Arguments that are no JSON object (a model's answer that was cut short) are shown as they are. */
export function* inputOf(json: string): Work<unknown> {
  try {
    const value: unknown = json === '' ? {} : yield* parseJson(json)
    return isObject(value) ? value : { arguments: value }
  } catch {
    return { arguments: json }
  }
}

function toolsOf({ tools = [], toolChoice, parallelToolCalls }: ChatPrompt, warnings: Warnings): Json {
  if (tools.length === 0) {
    if (toolChoice === 'required' || typeof toolChoice === 'object') warnings.add('tool_choice')
    return {}
  }
  const single = parallelToolCalls === false && toolChoice !== 'none'
  const choice = toolChoice ?? (single ? 'auto' : undefined)
  return {
    tools: tools.map(toolOf),
    tool_choice: choice && {
      ...toolChoiceOf(choice),
      ...(single && { disable_parallel_tool_use: true }),
    },
  }
}

const toolOf = ({ name, description, parameters, strict }: Tool): Json => ({
  name,
  description,
  input_schema: { type: 'object', ...(parameters as Json | undefined) },
  strict: strict === true ? true : undefined,
})

const toolChoiceOf = (choice: ToolChoice): Json =>
  typeof choice === 'string'
    ? { type: choice === 'required' ? 'any' : choice }
    : { type: 'tool', name: choice.name }

/** Thinking, the format, and sampling, as far as the model takes them. */
function thinkingOf(prompt: ChatPrompt, traits: ClaudeTraits, warnings: Warnings): Json {
  const { reasoningEffort: effort, reasoningBudgetTokens: budget } = prompt
  const level = effort === undefined || !traits.adapts ? undefined : efforts[effort]
  if (effort !== undefined && effort !== 'none' && level === undefined) warnings.add('reasoning_effort')
  if (budget !== undefined && !traits.budgets) warnings.add('reasoning_budget')
  const format = formatOf(prompt.responseFormat)
  const thinking = thoughtOf(effort === 'none', level, budget, traits)
  return {
    thinking,
    output_config: level === undefined && format === undefined ? undefined : { effort: level, format },
    ...samplingOf(prompt, traits.samples && (thinking === undefined || effort === 'none'), warnings),
  }
}

function thoughtOf(
  isOff: boolean,
  level: string | undefined,
  budget: number | undefined,
  traits: ClaudeTraits,
): Json | undefined {
  if (isOff) return { type: 'disabled' }
  if (budget !== undefined && traits.budgets) return { type: 'enabled', budget_tokens: budget }
  return budget !== undefined || level !== undefined ? { type: 'adaptive' } : undefined
}

/** New models, and thinking, exclude sampling. OpenAI's range of temperatures goes to 2, this one to 1. */
function samplingOf({ temperature, topP, topK }: ChatPrompt, samples: boolean, warnings: Warnings): Json {
  if (temperature !== undefined && (samples ? temperature > 1 : temperature !== 1))
    warnings.add('temperature')
  if (!samples && topP !== undefined && topP !== 1) warnings.add('top_p')
  if (!samples && topK !== undefined) warnings.add('top_k')
  return samples ? { temperature: temperature && Math.min(temperature, 1), top_p: topP, top_k: topK } : {}
}

/** OpenAI's words for the effort. */
const efforts: Readonly<Record<string, string | undefined>> = {
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'xhigh',
  max: 'max',
}

const formatOf = (format: ResponseFormat | undefined): Json | undefined =>
  format?.type === 'json-schema' ? { type: 'json_schema', schema: format.schema } : undefined

/** System text has no other parts. */
const textOf = (parts: readonly Part[]): string =>
  parts
    .map((part) => {
      if (part.type !== 'text') throw untranslatable()
      return part.text
    })
    .join('')
