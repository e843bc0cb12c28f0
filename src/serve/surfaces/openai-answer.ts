import type { FinishReason, ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import type { AnswerFacts } from '../../core/surface.ts'
import type { Usage } from '../../core/usage.ts'
import { fold, type Answer } from '../stream/fold.ts'

/** Events folded to an answer; an answer that failed is thrown. */
export function answerOf(events: readonly ModelEvent[]): Answer {
  const answer = fold(events)
  if (answer.failure !== undefined) throw new Failure(answer.failure.code, answer.failure.facts)
  return answer
}

export type Head = { readonly id?: string; readonly model?: string; readonly created?: number }

/** What every answer and chunk begins with. */
export const headOf = (head: Head, facts: AnswerFacts, prefix: string, object: string) => ({
  id: head.id ?? `${prefix}-${facts.requestId}`,
  object,
  created: head.created ?? facts.created,
  model: head.model ?? facts.request.model,
})

const finishNames: Record<FinishReason, 'stop' | 'length' | 'tool_calls' | 'content_filter'> = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  refusal: 'content_filter',
  other: 'stop',
}

export const finishName = (reason: FinishReason | undefined) =>
  reason === undefined ? null : finishNames[reason]

/** Details appear where they are known. */
export function openAiUsage({ input, output, cached, cacheWrite, reasoning }: Usage) {
  const prompt = input?.tokens ?? 0
  const completion = output?.tokens ?? 0
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    ...((cached ?? cacheWrite) !== undefined && {
      prompt_tokens_details: {
        ...(cached !== undefined && { cached_tokens: cached.tokens }),
        ...(cacheWrite !== undefined && { cache_write_tokens: cacheWrite.tokens }),
      },
    }),
    ...(reasoning !== undefined && { completion_tokens_details: { reasoning_tokens: reasoning.tokens } }),
  }
}

/** True for a frame that says the usage and shows the client nothing else. */
export const saysOnlyUsage = (events: readonly ModelEvent[]): boolean =>
  events.some(({ type }) => type === 'usage') && events.every(({ type }) => besideUsage.has(type))

const besideUsage: ReadonlySet<ModelEvent['type']> = new Set(['usage', 'timing', 'rest'])
