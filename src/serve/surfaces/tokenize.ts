import type { JsonText } from '../../core/json.ts'
import type { CompletionPrompt, ModelRequest } from '../../core/request.ts'
import type { Surface } from '../../core/surface.ts'
import type { Work } from '../../core/turns.ts'
import { Fields } from './fields.ts'
import { answerOf } from './openai-answer.ts'
import { tokenInputs } from './openai-inputs.ts'
import { openAiRequest } from './openai-request.ts'
import { wholeOnly } from './whole-only.ts'

/** `POST /tokenize`: a text's tokens. The text stands where llama-server (`content`), vLLM (`prompt`) or TGI (`inputs`) have it. */
export const tokenize: Surface = {
  ...wholeOnly((events) => {
    const { usage } = answerOf(events)
    const tokens = events.find((event) => event.type === 'tokens')?.tokens
    return JSON.stringify({ tokens, count: tokens?.length ?? usage?.input?.tokens })
  }),
  id: 'tokenize',
  operation: 'count',
  dialect: 'tokenize',
  paths: ['/tokenize', '/v1/tokenize'],
  parse: (body) => counted('tokenize', body, textField),
}

/** `POST /detokenize`: the text of tokens, under each name that engines have for it. */
export const detokenize: Surface = {
  ...wholeOnly((events) => {
    const [choice] = answerOf(events).choices
    const text = choice?.parts.map((part) => (part.type === 'text' ? part.text : '')).join('') ?? ''
    return JSON.stringify({ content: text, prompt: text, text })
  }),
  id: 'detokenize',
  operation: 'count',
  dialect: 'detokenize',
  paths: ['/detokenize', '/v1/detokenize'],
  parse: (body) => counted('detokenize', body, () => 'tokens'),
}

const textField = (body: JsonText): string =>
  ['content', 'prompt', 'inputs'].find((field) => body.has(field)) ?? 'content'

function counted(
  dialect: 'tokenize' | 'detokenize',
  body: JsonText,
  fieldOf: (body: JsonText) => string,
): ModelRequest {
  const field = fieldOf(body)
  const fields = new Fields(body)
  const type = body.typeOf(field)
  if (type === undefined || type === 'null') throw fields.wrong(field, 'is missing')
  if (type !== (dialect === 'tokenize' ? 'text' : 'list'))
    throw fields.wrong(field, dialect === 'tokenize' ? 'must be a string' : 'must be a list of token ids')
  const request = openAiRequest({
    operation: 'count',
    dialect,
    body,
    fields,
    maxOutputTokens: undefined,
    prompt: () => rawPrompt(body, field),
  })
  return { ...request, stream: false, wantsUsage: false }
}

function* rawPrompt(body: JsonText, field: string): Work<CompletionPrompt> {
  yield* body.decoding()
  const fields = new Fields(body)
  const prompts = tokenInputs(fields, field)
  // A list of no tokens is the tokens of no text.
  return { kind: 'complete', prompts: prompts.length === 0 ? [[]] : prompts, rest: {} }
}
