import { Failure } from '../../core/failure.ts'
import type { Draft } from './draft.ts'

/** What some engines and vendors want otherwise than OpenAI: a change of the body, or a refusal. */
export const quirks = {
  /** A single stop sequence must be a list of one. */
  'stop-list': (draft) => {
    const stop = draft.get('stop')
    if (typeof stop === 'string') draft.set('stop', [stop])
  },
  /** TGI makes a repetition penalty of 2 out of a presence penalty of 0. */
  'no-zero-presence-penalty': (draft) => {
    if (draft.get('presence_penalty') === 0) draft.remove('presence_penalty')
  },
  'top-logprobs-to-5': (draft) => {
    const top = draft.get('top_logprobs')
    if (typeof top !== 'number' || top <= 5) return
    draft.set('top_logprobs', 5)
    draft.warnings.push('top_logprobs')
  },
  /** A vector has the length that its model gives it. */
  'no-dimensions': (draft) => {
    draft.drop('dimensions')
  },
  /** TGI forces tools by a grammar of its own. */
  'tools-or-format': (draft) => {
    const format = draft.get('response_format') as { type?: unknown } | undefined
    if (format === undefined || format.type === 'text') return
    // Of a long list more need not be known.
    if (draft.body.typeOf('tools') !== 'list' || draft.body.isEmptyList('tools')) return
    throw unsupported('response_format', 'This backend cannot do tools and a response format at once.')
  },
  'no-suffix': (draft) => {
    if (draft.get('suffix') === undefined || draft.get('suffix') === '') return
    throw unsupported('suffix', 'This backend cannot fill in before a suffix.')
  },
  /** MLX-LM binds its answers to nothing: what must have a form has to go elsewhere. */
  'no-format': (draft) => {
    const format = draft.get('response_format') as { type?: unknown } | undefined
    if (format === undefined || format.type === 'text') return
    throw unsupported('response_format', 'This backend keeps to no format.')
  },
  /** It shows the model all tools and takes what comes. */
  'no-tool-choice': (draft) => {
    const choice = draft.get('tool_choice')
    if (choice === 'auto') return
    if (choice !== 'none') return draft.drop('tool_choice')
    draft.remove('tools')
    draft.remove('tool_choice')
  },
  /** It breaks off where completions ask for a number. */
  'logprobs-yes-or-no': (draft) => {
    if (typeof draft.get('logprobs') === 'number') draft.drop('logprobs')
  },
  /** Together: how many alternatives, in place of yes and how many. */
  'logprobs-integer': (draft) => {
    const asked = draft.get('logprobs')
    if (typeof asked !== 'boolean') return
    if (asked) draft.set('logprobs', Math.max(1, Number(draft.get('top_logprobs') ?? 1)))
    else draft.remove('logprobs')
    draft.remove('top_logprobs')
  },
  /** Together cuts a prompt that is too long, and says nothing, unless it is told not to. */
  'say-when-too-long': (draft) => {
    draft.setDefault('context_length_exceeded_behavior', 'error')
  },
} as const satisfies Record<string, (draft: Draft) => void>

export type QuirkName = keyof typeof quirks

export const unsupported = (param: string, message: string): Failure =>
  new Failure('unsupported', { message, param })
