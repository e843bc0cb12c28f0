import type { Behaviour, Target } from '../../core/backend.ts'
import type { ChatPrompt, EmbedPrompt, Tool, ToolChoice } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { generationConfig } from './gemini-config.ts'
import { geminiContents, systemInstruction, type Json, type Warnings } from './gemini-contents.ts'
import { geminiTraits } from './gemini-traits.ts'
import { unsupported } from './quirks.ts'

/** The neutral words, with what the row adds to them, as a body of `generateContent`. */
export function* chatBody(prompt: ChatPrompt, { model, behaviour }: Target, warnings: Warnings): Work<Json> {
  for (const field of unsaid(prompt)) warnings.add(field)
  const traits = geminiTraits(model)
  const { generationConfig: extraConfig, ...extra } = behaviour.extra ?? {}
  return {
    ...extra,
    ...defined(yield* promptBody(prompt, behaviour, warnings, traits)),
    generationConfig: {
      ...(extraConfig as Json | undefined),
      ...defined(generationConfig(behaved(prompt, behaviour), traits, warnings)),
    },
  }
}

/** What of a chat is counted as its input, for `countTokens`. */
export function* countBody(prompt: ChatPrompt, { model, behaviour }: Target, warnings: Warnings): Work<Json> {
  const said = yield* promptBody(prompt, behaviour, warnings, geminiTraits(model))
  return { generateContentRequest: { model: modelPath(model), ...said } }
}

/** For `batchEmbedContents`. */
export function embedBody({ inputs, dimensions }: EmbedPrompt, { model, behaviour }: Target): Json {
  const requests = inputs.map((input) => {
    if (typeof input !== 'string') throw unsupported('input', 'This backend takes texts and no tokens.')
    return {
      ...behaviour.extra,
      model: modelPath(model),
      content: { parts: [{ text: input }] },
      ...(dimensions !== undefined && { outputDimensionality: dimensions }),
    }
  })
  return { requests }
}

/** Tuned models have a folder of their own. */
export const modelPath = (model: string): string =>
  /^(?:models|tunedModels)\//.test(model) ? model : `models/${model}`

function* promptBody(
  { messages, tools = [], toolChoice }: ChatPrompt,
  behaviour: Behaviour,
  warnings: Warnings,
  traits: ReturnType<typeof geminiTraits>,
): Work<Json> {
  const mustCall = toolChoice === 'required' || typeof toolChoice === 'object'
  if (tools.length === 0 && mustCall) warnings.add('tool_choice')
  return {
    systemInstruction: systemInstruction(messages, behaviour.system),
    contents: yield* geminiContents(messages, traits, warnings),
    ...(tools.length > 0 && {
      tools: [{ functionDeclarations: tools.map(toolOf) }],
      toolConfig: toolChoice && { functionCallingConfig: callingOf(toolChoice) },
    }),
  }
}

/** Fields of other dialects that have no counterpart here, by their name there. */
const unsaid = (prompt: ChatPrompt): string[] =>
  [
    prompt.user !== undefined && 'user',
    prompt.parallelToolCalls === false && 'parallel_tool_calls',
    prompt.messages.some(({ name }) => name !== undefined) && 'messages[].name',
  ].filter((field) => field !== false)

/** The prompt as the row wants it: its defaults where the client says nothing, its limits whatever the client says. */
function behaved(
  prompt: ChatPrompt,
  { defaults = {}, limits = {}, stop: added = [] }: Behaviour,
): ChatPrompt {
  const said = { ...defaults, ...prompt }
  const most = Math.min(said.maxOutputTokens ?? Infinity, limits.maxOutputTokens ?? Infinity)
  const stop = [...new Set([...(said.stop ?? []), ...added])]
  return {
    ...said,
    ...(most !== Infinity && { maxOutputTokens: most }),
    ...(stop.length > 0 && { stop }),
  }
}

const toolOf = ({ name, description, parameters }: Tool): Json => ({
  name,
  description,
  parametersJsonSchema: parameters,
})

const callingOf = (choice: ToolChoice): Json =>
  typeof choice === 'string' ? { mode: modes[choice] } : { mode: 'ANY', allowedFunctionNames: [choice.name] }

const modes = { auto: 'AUTO', none: 'NONE', required: 'ANY' } as const

const defined = (fields: Json): Json =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
