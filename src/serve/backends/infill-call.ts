import type { Target } from '../../core/backend.ts'
import { JsonText } from '../../core/json.ts'
import type { CompletionPrompt, ModelRequest } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { Draft } from './draft.ts'
import { InfillReading } from './infill-read.ts'
import { capOutput, mergeStop } from './openai-patch.ts'
import { headersFor, type Asked, type Server } from './openai-server.ts'
import { unsupported } from './quirks.ts'

/** llama-server reads no `suffix` in a completion and says nothing; it has a way of its own for text in between. */
export const wantsInfill = (request: ModelRequest, { preset }: Server): boolean =>
  preset.infills === true && (request.dialect === 'infill' || hasText(request.body.get('suffix')))

const hasText = (value: unknown): boolean => typeof value === 'string' && value !== ''

/** Text between a prefix and a suffix, by the tokens that the model's own file names for it. */
export function* infillCall(request: ModelRequest, server: Server): Work<Asked> {
  const isSame = request.dialect === 'infill'
  const draft = isSame ? new Draft(request.body) : yield* infillDraft(yield* request.prompt())
  if (draft.get('model') !== server.target.model) draft.set('model', server.target.model)
  const stream = request.stream || server.ask === 'stream'
  if (stream && draft.get('stream') !== true) draft.set('stream', true)
  behave(draft, server.target)
  return {
    path: '/infill',
    headers: headersFor(server.preset, stream),
    body: draft.isChanged ? yield* draft.bytes() : draft.body.bytes,
    stream,
    dialect: 'infill',
    warnings: draft.warnings,
    reading: () => new InfillReading(),
  }
}

function* infillDraft(prompt: { readonly kind: string } | CompletionPrompt): Work<Draft> {
  if (!('prompts' in prompt)) throw unsupported('model', 'This backend fills in text only.')
  const [prefix] = prompt.prompts
  if (typeof prefix !== 'string' || prompt.prompts.length > 1) {
    throw unsupported('prompt', 'Only one text at a time can be continued up to a suffix.')
  }
  if ((prompt.choices ?? 1) > 1) throw unsupported('n', 'This backend gives one answer at a time.')
  const warnings = new Set(Object.keys(prompt.rest))
  if (prompt.logprobs !== undefined) warnings.add('logprobs')
  if (prompt.echo === true) warnings.add('echo')
  const body = {
    input_prefix: prefix,
    input_suffix: prompt.suffix ?? '',
    n_predict: prompt.maxOutputTokens,
    temperature: prompt.temperature,
    top_p: prompt.topP,
    top_k: prompt.topK,
    stop: prompt.stop,
    seed: prompt.seed,
    frequency_penalty: prompt.frequencyPenalty,
    presence_penalty: prompt.presencePenalty,
  }
  return new Draft(yield* JsonText.printed(body), warnings)
}

/** What the row says, in llama.cpp's words. */
function behave(draft: Draft, { behaviour }: Target): void {
  const { system, stop, defaults, extra } = behaviour
  if (system !== undefined) draft.warnings.push('system')
  const stops = mergeStop(draft.get('stop'), stop)
  if (stops !== undefined) draft.set('stop', stops)
  draft.setDefault('temperature', defaults?.temperature)
  draft.setDefault('top_p', defaults?.topP)
  draft.setDefault('top_k', defaults?.topK)
  draft.setDefault('seed', defaults?.seed)
  capOutput(draft, behaviour, ['n_predict'])
  if (extra !== undefined) for (const [field, value] of Object.entries(extra)) draft.setDefault(field, value)
}
