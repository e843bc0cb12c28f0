import type { ChatPrompt } from '../../core/request.ts'
import { effortOf } from './effort.ts'
import type { GeminiTraits } from './gemini-traits.ts'

type Json = Record<string, unknown>

/** Fields that cannot be said: named to the client. */
type Warnings = Set<string>

/** What the answer shall be like: sampling, limits, format, thinking. */
export function generationConfig(prompt: ChatPrompt, traits: GeminiTraits, warnings: Warnings): Json {
  return {
    candidateCount: prompt.choices,
    maxOutputTokens: prompt.maxOutputTokens,
    temperature: prompt.temperature,
    topP: prompt.topP,
    topK: prompt.topK,
    seed: prompt.seed,
    frequencyPenalty: prompt.frequencyPenalty,
    presencePenalty: prompt.presencePenalty,
    stopSequences: prompt.stop,
    responseLogprobs: prompt.logprobs,
    logprobs: prompt.topLogprobs,
    ...formatOf(prompt),
    thinkingConfig: thinkingOf(prompt, traits, warnings),
  }
}

function formatOf({ responseFormat: format }: ChatPrompt): Json {
  if (format === undefined || format.type === 'text') return {}
  return {
    responseMimeType: 'application/json',
    responseJsonSchema: format.type === 'json-schema' ? format.schema : undefined,
  }
}

/** Who asks for thought sees the thoughts; the API tells them only when it is asked to. */
function thinkingOf(prompt: ChatPrompt, traits: GeminiTraits, warnings: Warnings): Json | undefined {
  const { reasoningEffort: effort, reasoningBudgetTokens: budget } = prompt
  if (effort === undefined && budget === undefined) return undefined
  if (traits.thinks === 'never') {
    if (effort !== 'none') warnings.add(effort === undefined ? 'thinking.budget_tokens' : 'reasoning_effort')
    return undefined
  }
  if (effort === 'none') return withoutThought(traits, warnings)
  if (traits.thinks === 'by level') {
    const said = effortOf(prompt, warnings) ?? ''
    const level = said === 'minimal' ? traits.leastLevel : levels[said]
    if (level === undefined) warnings.add('reasoning_effort')
    return { thinkingLevel: level, includeThoughts: true }
  }
  const [least, most] = traits.budget
  const asked = budget ?? budgets[effort ?? '']
  if (asked === undefined) warnings.add('reasoning_effort')
  return {
    thinkingBudget: asked === undefined ? undefined : Math.min(Math.max(asked, least), most),
    includeThoughts: true,
  }
}

/** Only some models of 2.5 can be told not to think; the others think as little as they can. */
function withoutThought({ thinks, budget, leastLevel }: GeminiTraits, warnings: Warnings): Json {
  const [least] = budget
  if (thinks === 'by level' || least === 128) warnings.add('reasoning_effort')
  if (thinks === 'by level') return { thinkingLevel: leastLevel }
  return { thinkingBudget: least === 128 ? least : 0 }
}

/** As Google's own OpenAI interface reads the words: https://ai.google.dev/gemini-api/docs/openai#thinking */
const budgets: Readonly<Record<string, number | undefined>> = {
  minimal: 1024,
  low: 1024,
  medium: 8192,
  high: 24_576,
  xhigh: 24_576,
  max: 32_768,
}

const levels: Readonly<Record<string, string | undefined>> = {
  low: 'LOW',
  medium: 'MEDIUM',
  high: 'HIGH',
  xhigh: 'HIGH',
  max: 'HIGH',
}
