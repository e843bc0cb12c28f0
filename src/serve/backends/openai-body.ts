import { JsonText } from '../../core/json.ts'
import type {
  ChatPrompt,
  CompletionPrompt,
  EmbedPrompt,
  Message,
  Part,
  Prompt,
  ResponseFormat,
  Sampling,
  Tool,
  ToolChoice,
} from '../../core/request.ts'
import { Draft } from './draft.ts'
import type { Preset } from './presets.ts'
import { unsupported } from './quirks.ts'

type Json = Record<string, unknown>

/** The neutral words as an OpenAI body, for clients of other dialects. What it cannot say is in the draft's warnings. */
export function openAiDraft(prompt: Prompt, preset: Preset): Draft {
  const warnings = Object.keys(prompt.rest)
  const body = bodyOf(prompt, preset, warnings)
  return new Draft(JsonText.from(body), warnings)
}

function bodyOf(prompt: Prompt, preset: Preset, warnings: string[]): Json {
  if (prompt.kind === 'chat') return chatBody(prompt, preset, warnings)
  return prompt.kind === 'complete' ? completionBody(prompt, preset, warnings) : embedBody(prompt)
}

function chatBody(prompt: ChatPrompt, preset: Preset, warnings: string[]): Json {
  if (prompt.reasoningBudgetTokens !== undefined) warnings.push('thinking.budget_tokens')
  const hasTools = prompt.tools !== undefined && prompt.tools.length > 0
  return {
    messages: prompt.messages.flatMap((message) => messagesOf(message, warnings)),
    ...(hasTools && {
      tools: prompt.tools.map(toolOf),
      tool_choice: prompt.toolChoice && toolChoiceOf(prompt.toolChoice),
      parallel_tool_calls: prompt.parallelToolCalls,
    }),
    response_format: prompt.responseFormat && formatOf(prompt.responseFormat),
    reasoning_effort: prompt.reasoningEffort,
    n: prompt.choices,
    logprobs: prompt.logprobs,
    top_logprobs: prompt.topLogprobs,
    user: prompt.user,
    ...samplingOf(prompt, preset, warnings),
  }
}

function completionBody(prompt: CompletionPrompt, preset: Preset, warnings: string[]): Json {
  return {
    prompt: oneOrAll(prompt.prompts),
    suffix: prompt.suffix,
    echo: prompt.echo,
    n: prompt.choices,
    logprobs: prompt.logprobs,
    ...samplingOf(prompt, preset, warnings),
  }
}

function embedBody(prompt: EmbedPrompt): Json {
  return {
    input: oneOrAll(prompt.inputs),
    encoding_format: prompt.encoding === 'base64' ? 'base64' : undefined,
    dimensions: prompt.dimensions,
  }
}

const oneOrAll = (inputs: readonly (string | readonly number[])[]): unknown =>
  inputs.length === 1 && typeof inputs[0] === 'string' ? inputs[0] : inputs

function samplingOf(prompt: Sampling, preset: Preset, warnings: string[]): Json {
  if (prompt.topK !== undefined && !preset.readsTopK) warnings.push('top_k')
  const [limit = 'max_tokens'] = preset.outputLimit
  return {
    [limit]: prompt.maxOutputTokens,
    temperature: prompt.temperature,
    top_p: prompt.topP,
    top_k: preset.readsTopK ? prompt.topK : undefined,
    stop: prompt.stop,
    seed: prompt.seed,
    frequency_penalty: prompt.frequencyPenalty,
    presence_penalty: prompt.presencePenalty,
  }
}

/** Tool results are messages of their own here, and come before the rest of their turn. */
function messagesOf({ role, parts, name }: Message, warnings: string[]): Json[] {
  if (role === 'assistant') return [{ role, ...assistantOf(parts, warnings), name }]
  const messages: Json[] = []
  const others: Part[] = []
  for (const part of parts) {
    if (part.type !== 'tool-result') {
      others.push(part)
      continue
    }
    messages.push({ role: 'tool', tool_call_id: part.id, content: textOf(part.parts) })
    // A tool message takes text alone: what else a tool showed follows in the user's turn.
    others.push(...part.parts.filter((inner) => inner.type !== 'text'))
  }
  if (others.length > 0) messages.push({ role, content: contentOf(others), name })
  return messages
}

function assistantOf(parts: readonly Part[], warnings: string[]): Json {
  const calls = parts.filter((part) => part.type === 'tool-call')
  const said = parts.filter((part) => part.type !== 'tool-call' && part.type !== 'reasoning')
  // Earlier thoughts are not sent again: engines leave them out of the prompt, vendors refuse the field.
  if (said.length + calls.length < parts.length && !warnings.includes('reasoning')) warnings.push('reasoning')
  return {
    content: said.length === 0 ? null : contentOf(said),
    ...(calls.length > 0 && {
      tool_calls: calls.map(({ id, name, input }) => ({
        id,
        type: 'function',
        function: { name, arguments: input },
      })),
    }),
  }
}

const textOf = (parts: readonly Part[]): string =>
  parts.map((part) => (part.type === 'text' ? part.text : '')).join('')

const contentOf = (parts: readonly Part[]): unknown =>
  parts.every((part) => part.type === 'text') ? textOf(parts) : parts.map(partOf)

function partOf(part: Part): unknown {
  switch (part.type) {
    case 'text':
      return { type: 'text', text: part.text }
    case 'image': {
      const { source, detail } = part
      const url = 'url' in source ? source.url : `data:${source.mediaType};base64,${source.data}`
      return { type: 'image_url', image_url: { url, detail } }
    }
    case 'opaque':
      if (part.dialect === 'openai-chat') return part.value
  }
  throw unsupported('messages', 'A part of a message cannot be said in this backend’s dialect.')
}

const toolOf = ({ name, description, parameters, strict }: Tool): Json => ({
  type: 'function',
  function: { name, description, parameters, strict },
})

const toolChoiceOf = (choice: ToolChoice): unknown =>
  typeof choice === 'string' ? choice : { type: 'function', function: { name: choice.name } }

function formatOf(format: ResponseFormat): Json {
  if (format.type !== 'json-schema') return { type: format.type === 'json' ? 'json_object' : 'text' }
  const { name, schema, strict } = format
  return { type: 'json_schema', json_schema: { name, schema, strict } }
}
