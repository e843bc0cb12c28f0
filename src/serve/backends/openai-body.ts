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
import type { Work } from '../../core/turns.ts'
import { callIds, takenId } from './call-ids.ts'
import { Draft } from './draft.ts'
import { effortOf } from './effort.ts'
import type { Server } from './openai-server.ts'
import type { Preset } from './presets.ts'
import { unsupported } from './quirks.ts'
import { detailOf, reasoningDetails } from './reasoning-details.ts'

type Json = Record<string, unknown>

/** Fields that cannot be said: named to the client. */
type Warnings = Set<string>

/** The neutral words as an OpenAI body, for clients of other dialects. What it cannot say is in the draft's warnings. */
export function* openAiDraft(prompt: Prompt, { target, preset }: Server): Work<Draft> {
  const warnings = new Set(Object.keys(prompt.rest))
  const body = yield* bodyOf(prompt, preset, warnings)
  return new Draft(yield* JsonText.printed({ model: target.model, ...body }), warnings)
}

function* bodyOf(prompt: Prompt, preset: Preset, warnings: Warnings): Work<Json> {
  if (prompt.kind === 'chat') return yield* chatBody(prompt, preset, warnings)
  if (prompt.kind === 'complete') return completionBody(prompt, preset, warnings)
  if (prompt.kind === 'embed') return embedBody(prompt)
  throw unsupported('model', 'This backend ranks no documents.')
}

function* chatBody(prompt: ChatPrompt, preset: Preset, warnings: Warnings): Work<Json> {
  const messages: Json[] = []
  for (const message of prompt.messages) {
    for (const said of messagesOf(message, preset, warnings)) messages.push(said)
    yield
  }
  const hasTools = prompt.tools !== undefined && prompt.tools.length > 0
  return {
    messages,
    ...(hasTools && {
      tools: prompt.tools.map(toolOf),
      tool_choice: prompt.toolChoice && toolChoiceOf(prompt.toolChoice),
      parallel_tool_calls: prompt.parallelToolCalls,
    }),
    response_format: prompt.responseFormat && formatOf(prompt.responseFormat),
    reasoning_effort: effortOf(prompt, warnings),
    n: prompt.choices,
    logprobs: prompt.logprobs,
    top_logprobs: prompt.topLogprobs,
    user: prompt.user,
    ...samplingOf(prompt, preset, warnings),
  }
}

function completionBody(prompt: CompletionPrompt, preset: Preset, warnings: Warnings): Json {
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

function samplingOf(prompt: Sampling, preset: Preset, warnings: Warnings): Json {
  if (prompt.topK !== undefined && !preset.readsTopK) warnings.add('top_k')
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
function messagesOf({ role, parts, name }: Message, preset: Preset, warnings: Warnings): Json[] {
  if (role === 'assistant') return [{ role, ...assistantOf(parts, preset, warnings), name }]
  const messages: Json[] = []
  const others: Part[] = []
  for (const part of parts) {
    if (part.type !== 'tool-result') {
      others.push(part)
      continue
    }
    messages.push({ role: 'tool', tool_call_id: takenId(part.id, callIds.chat), content: textOf(part.parts) })
    if (part.isError === true) warnings.add('messages[].content[].is_error')
    // A tool message takes text alone: what else a tool showed follows in the user's turn.
    for (const inner of part.parts) if (inner.type !== 'text') others.push(inner)
  }
  if (others.length > 0) messages.push({ role, content: contentOf(others), name })
  return messages
}

function assistantOf(parts: readonly Part[], preset: Preset, warnings: Warnings): Json {
  const calls = parts.filter((part) => part.type === 'tool-call')
  const details = preset.reasoningDetails === true ? reasoningDetails(parts) : []
  const said = parts.filter(
    (part) => part.type !== 'tool-call' && part.type !== 'reasoning' && detailOf(part) === undefined,
  )
  // Earlier thoughts are not sent again: engines leave them out of the prompt, vendors refuse the field.
  if (said.length + calls.length + details.length < parts.length) warnings.add('reasoning')
  return {
    reasoning_details: details.length > 0 ? details : undefined,
    content: said.length === 0 ? null : contentOf(said),
    ...(calls.length > 0 && {
      tool_calls: calls.map(({ id, name, input }) => ({
        id: takenId(id, callIds.chat),
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
