import { JsonText } from '../../core/json.ts'
import type { ChatPrompt, Message, Part, ResponseFormat, Tool, ToolChoice } from '../../core/request.ts'
import { claudeTraits } from './claude-traits.ts'
import type { ClaudeTraits } from './claude-traits.ts'
import { Draft } from './draft.ts'
import { unsupported } from './quirks.ts'

type Json = Record<string, unknown>

/** The neutral words as a Messages body. What it cannot say is in the draft's warnings. */
export function anthropicDraft(prompt: ChatPrompt, model: string): Draft {
  if ((prompt.choices ?? 1) > 1) throw unsupported('n', 'This backend gives one answer at a time.')
  const warnings = [...Object.keys(prompt.rest), ...unsaid(prompt)]
  const turns = turnsOf(
    prompt.messages.filter(({ role }) => role !== 'system'),
    warnings,
  )
  const system = prompt.messages.filter(({ role }) => role === 'system').map(({ parts }) => textOf(parts))
  const body = {
    system: system.length === 0 ? undefined : system.join('\n\n'),
    messages: turns,
    max_tokens: prompt.maxOutputTokens,
    ...toolsOf(prompt),
    ...thinkingOf(prompt, claudeTraits(model), warnings),
    stop_sequences: prompt.stop?.filter((stop) => stop.trim() !== ''),
    metadata: prompt.user === undefined ? undefined : { user_id: prompt.user },
  }
  return new Draft(JsonText.from(body), warnings)
}

/** Fields of other dialects that have no counterpart here, by their name there. */
const unsaid = (prompt: ChatPrompt): string[] =>
  [
    prompt.seed !== undefined && 'seed',
    prompt.logprobs === true && 'logprobs',
    prompt.frequencyPenalty !== undefined && prompt.frequencyPenalty !== 0 && 'frequency_penalty',
    prompt.presencePenalty !== undefined && prompt.presencePenalty !== 0 && 'presence_penalty',
    prompt.responseFormat?.type === 'json' && 'response_format',
  ].filter((field) => field !== false)

/** Neighbours of one role are one turn; in it tool results come first, as the API wants them. */
function turnsOf(messages: readonly Message[], warnings: string[]): Json[] {
  const turns: { readonly role: string; readonly content: Json[] }[] = []
  for (const { role, parts } of messages) {
    const blocks = parts.flatMap((part) => blockOf(part, warnings))
    if (blocks.length === 0) continue
    const last = turns.at(-1)
    if (last?.role === role) last.content.push(...blocks)
    else turns.push({ role, content: blocks })
  }
  return turns.map(({ role, content }) => {
    const results = content.filter((block) => block['type'] === 'tool_result')
    return { role, content: [...results, ...content.filter((block) => block['type'] !== 'tool_result')] }
  })
}

/** One block, or none for what the API refuses: empty text, thoughts of another model (they have no signature). */
function blockOf(part: Part, warnings: string[]): Json[] {
  switch (part.type) {
    case 'text':
      return part.text.trim() === '' ? [] : [{ type: 'text', text: part.text }]
    case 'image': {
      const { source } = part
      if ('url' in source) return [{ type: 'image', source: { type: 'url', url: source.url } }]
      const { mediaType, data } = source
      return [{ type: 'image', source: { type: 'base64', media_type: mediaType, data } }]
    }
    case 'reasoning':
      if (part.signature !== undefined) {
        return [{ type: 'thinking', thinking: part.text, signature: part.signature }]
      }
      if (!warnings.includes('reasoning')) warnings.push('reasoning')
      return []
    case 'tool-call':
      return [{ type: 'tool_use', id: part.id, name: part.name, input: inputOf(part.input) }]
    case 'tool-result': {
      const content = part.parts.flatMap((inner) => blockOf(inner, warnings))
      return [{ type: 'tool_result', tool_use_id: part.id, content, is_error: part.isError }]
    }
    default:
      if (part.dialect === 'anthropic-messages') return [part.value as Json]
      throw unsupported('messages', 'A part of a message cannot be said in this backend’s dialect.')
  }
}

/** Arguments that are no JSON object (a model's answer that was cut short) are shown as they are. */
function inputOf(json: string): unknown {
  try {
    const value: unknown = json === '' ? {} : JSON.parse(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : { arguments: value }
  } catch {
    return { arguments: json }
  }
}

function toolsOf({ tools = [], toolChoice, parallelToolCalls }: ChatPrompt): Json {
  if (tools.length === 0) return {}
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
function thinkingOf(prompt: ChatPrompt, traits: ClaudeTraits, warnings: string[]): Json {
  const { reasoningEffort: effort, reasoningBudgetTokens: budget } = prompt
  const level = effort === undefined || !traits.adapts ? undefined : efforts[effort]
  if (effort !== undefined && effort !== 'none' && level === undefined) warnings.push('reasoning_effort')
  if (budget !== undefined && !traits.budgets) warnings.push('reasoning_budget')
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
function samplingOf({ temperature, topP, topK }: ChatPrompt, samples: boolean, warnings: string[]): Json {
  if (temperature !== undefined && (samples ? temperature > 1 : temperature !== 1))
    warnings.push('temperature')
  if (!samples && topP !== undefined && topP !== 1) warnings.push('top_p')
  if (!samples && topK !== undefined) warnings.push('top_k')
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

const textOf = (parts: readonly Part[]): string =>
  parts.map((part) => (part.type === 'text' ? part.text : '')).join('')
