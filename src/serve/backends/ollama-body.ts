import { JsonText } from '../../core/json.ts'
import type { ModelFacts } from '../../core/model-facts.ts'
import type {
  ChatPrompt,
  CompletionPrompt,
  EmbedPrompt,
  Prompt,
  ResponseFormat,
  Sampling,
  Tool,
} from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { Draft } from './draft.ts'
import { forceCall, type ForcedCall } from './forced-call.ts'
import { ollamaMessages } from './ollama-messages.ts'
import { unsupported } from './quirks.ts'

type Json = Record<string, unknown>

/** Fields that cannot be said: named to the client. */
type Warnings = Set<string>

interface OllamaDraft {
  readonly draft: Draft
  readonly forced: ForcedCall | undefined
}

/** The neutral words as a body of Ollama's. What it cannot say is in the draft's warnings. */
export function* ollamaDraft(prompt: Prompt, facts: ModelFacts): Work<OllamaDraft> {
  const warnings: Warnings = new Set(Object.keys(prompt.rest))
  const forced = prompt.kind === 'chat' ? yield* forcedBy(prompt, warnings) : undefined
  const body = yield* bodyOf(prompt, facts, forced?.schema, warnings)
  return { draft: new Draft(yield* JsonText.printed(body), warnings), forced: forced?.call }
}

function* bodyOf(prompt: Prompt, facts: ModelFacts, schema: unknown, warnings: Warnings): Work<Json> {
  if (prompt.kind === 'chat') return yield* chatBody(prompt, facts, schema, warnings)
  if (prompt.kind === 'complete') return completionBody(prompt)
  if (prompt.kind === 'embed') return embedBody(prompt)
  throw unsupported('model', 'This backend ranks no documents.')
}

function* chatBody(prompt: ChatPrompt, facts: ModelFacts, schema: unknown, warnings: Warnings): Work<Json> {
  refuseChoices(prompt.choices)
  for (const field of unsaid(prompt)) warnings.add(field)
  return {
    messages: yield* ollamaMessages(prompt.messages, facts, warnings),
    tools: toolsOf(prompt, facts, schema !== undefined),
    format: schema ?? formatOf(prompt.responseFormat),
    think: thinkOf(prompt, facts, warnings),
    logprobs: prompt.logprobs,
    top_logprobs: prompt.topLogprobs,
    options: optionsOf(prompt),
  }
}

/** `raw` leaves the model's chat template out; what stands around a gap is put together by the model's own. */
function completionBody(prompt: CompletionPrompt): Json {
  refuseChoices(prompt.choices)
  const [text] = prompt.prompts
  if (prompt.prompts.length !== 1 || typeof text !== 'string') {
    throw unsupported('prompt', 'This backend completes one text at a time, and takes no tokens.')
  }
  if (text === '') throw unsupported('prompt', 'This backend completes no empty text.')
  if (prompt.echo === true) throw unsupported('echo', 'This backend does not repeat the prompt.')
  const hasSuffix = prompt.suffix !== undefined && prompt.suffix !== ''
  return {
    prompt: text,
    suffix: hasSuffix ? prompt.suffix : undefined,
    raw: hasSuffix ? undefined : true,
    logprobs: prompt.logprobs === undefined ? undefined : true,
    top_logprobs: prompt.logprobs || undefined,
    options: optionsOf(prompt),
  }
}

function embedBody({ inputs, dimensions }: EmbedPrompt): Json {
  if (!inputs.every((input) => typeof input === 'string')) {
    throw unsupported('input', 'This backend takes texts and no tokens.')
  }
  return { input: inputs, dimensions }
}

function refuseChoices(choices = 1): void {
  if (choices > 1) throw unsupported('n', 'This backend gives one answer at a time.')
}

/** Fields of other dialects that have no counterpart here, by their name there. */
const unsaid = (prompt: ChatPrompt): string[] =>
  [
    prompt.user !== undefined && 'user',
    prompt.parallelToolCalls === false && 'parallel_tool_calls',
    prompt.reasoningBudgetTokens !== undefined && 'thinking.budget_tokens',
    prompt.messages.some(({ name }) => name !== undefined) && 'messages[].name',
  ].filter((field) => field !== false)

const optionsOf = (said: Sampling): Json => ({
  num_predict: said.maxOutputTokens,
  temperature: said.temperature,
  top_p: said.topP,
  top_k: said.topK,
  stop: said.stop,
  seed: said.seed,
  frequency_penalty: said.frequencyPenalty,
  presence_penalty: said.presencePenalty,
})

const formatOf = (format: ResponseFormat | undefined): unknown =>
  format?.type === 'json-schema' ? format.schema : format?.type === 'json' ? 'json' : undefined

/**
 * Ollama reads no `tool_choice`, but keeps to a schema: a call that must come is asked for by one. The words of the
 * one adapter that does so are OpenAI's.
 */
function* forcedBy({ tools = [], toolChoice }: ChatPrompt, warnings: Warnings) {
  if (toolChoice !== 'required' && typeof toolChoice !== 'object') return undefined
  const draft = new Draft(
    yield* JsonText.printed({
      tools: tools.map(toolOf),
      tool_choice:
        toolChoice === 'required' ? toolChoice : { type: 'function', function: { name: toolChoice.name } },
    }),
  )
  const call = yield* forceCall(draft)
  for (const warning of draft.warnings) warnings.add(warning)
  const format = draft.get('response_format')
  if (call === undefined || !(format instanceof JsonText)) return undefined
  return { call, schema: (format.get('json_schema') as { schema: unknown }).schema }
}

/** Without them a model calls none: that is how `none` is said. */
function toolsOf(prompt: ChatPrompt, { capabilities }: ModelFacts, isForced: boolean): Json[] | undefined {
  const { tools = [], toolChoice } = prompt
  if (tools.length === 0 || toolChoice === 'none') return undefined
  if (capabilities === undefined || capabilities.includes('tools')) return tools.map(toolOf)
  if (isForced) return undefined
  throw unsupported('tools', 'This model’s template has no tools.')
}

const toolOf = ({ name, description, parameters }: Tool): Json => ({
  type: 'function',
  function: { name, description, parameters: parameters ?? { type: 'object', properties: {} } },
})

/** Who thinks does so unless told not to; only gpt-oss knows levels, and cannot be told not to. */
function thinkOf(prompt: ChatPrompt, facts: ModelFacts, warnings: Warnings): unknown {
  const { reasoningEffort: effort, reasoningBudgetTokens: budget } = prompt
  const wants = effort === undefined ? budget !== undefined : effort !== 'none'
  if (facts.capabilities?.includes('thinking') === false) {
    if (wants && effort !== undefined) warnings.add('reasoning_effort')
    return undefined
  }
  if (effort === undefined) return wants || undefined
  if (facts.architecture?.replace('-', '') !== 'gptoss') return wants
  if (effort === 'none') warnings.add('reasoning_effort')
  return levels[effort] ?? 'medium'
}

const levels: Readonly<Record<string, string | undefined>> = {
  none: 'low',
  minimal: 'low',
  low: 'low',
  high: 'high',
  xhigh: 'high',
  max: 'high',
}
