import { isObject } from '../../core/is-object.ts'
import type { FinishReason } from '../../core/event.ts'
import type { AnswerFacts } from '../../core/surface.ts'
import type { Usage } from '../../core/usage.ts'
import type { AnswerChoice } from '../stream/fold.ts'

export interface Head {
  readonly id?: string
  readonly model?: string
}

/** What every message begins with, whole or streamed. */
export const messageHead = ({ id, model }: Head, { requestId, request }: AnswerFacts) => ({
  id: id ?? `msg_${requestId}`,
  type: 'message',
  role: 'assistant',
  model: model ?? request.model,
})

/** Anthropic’s way of counting: `input_tokens` leaves out what the cache gave and took. */
export function anthropicUsage({ input, output, cached, cacheWrite, reasoning }: Usage) {
  const read = cached?.tokens ?? 0
  const written = cacheWrite?.tokens ?? 0
  return {
    input_tokens: Math.max(0, (input?.tokens ?? 0) - read - written),
    cache_creation_input_tokens: written,
    cache_read_input_tokens: read,
    output_tokens: output?.tokens ?? 0,
    ...(reasoning !== undefined && { output_tokens_details: { thinking_tokens: reasoning.tokens } }),
  }
}

interface Ending {
  readonly reason: FinishReason
  readonly stopSequence?: string | undefined
  /** The model said so itself, in the place of an answer. */
  readonly refused: boolean
}

export const stopOf = ({ reason, stopSequence, refused }: Ending) => ({
  stop_reason:
    stopSequence !== undefined ? 'stop_sequence' : refused && reason === 'stop' ? 'refusal' : reasons[reason],
  stop_sequence: stopSequence ?? null,
})

const reasons: Record<FinishReason, string> = {
  stop: 'end_turn',
  length: 'max_tokens',
  'tool-calls': 'tool_use',
  refusal: 'refusal',
  other: 'end_turn',
}

type Block = Readonly<Record<string, unknown>>

/** The blocks of a whole answer, and what there is no block for. */
export function contentOf(parts: AnswerChoice['parts']): { content: Block[]; untranslated: unknown[] } {
  const content: Block[] = []
  const untranslated: unknown[] = []
  for (const part of parts) {
    switch (part.type) {
      case 'text':
      case 'refusal':
        content.push({ type: 'text', text: part.text })
        break
      case 'reasoning':
        content.push({ type: 'thinking', thinking: part.text, signature: part.signature ?? '' })
        break
      case 'tool-call':
        content.push({ type: 'tool_use', id: part.id, name: part.name, input: inputOf(part.input) })
        break
      case 'opaque': {
        const last = content.at(-1)
        const block = blockOf(part.dialect, part.value)
        if (block === undefined) untranslated.push(part.value)
        else if (!isDelta(block)) content.push(block)
        else if (last !== undefined) content[content.length - 1] = cited(last, block)
      }
    }
  }
  return { content, untranslated }
}

/** Anthropic’s own, as it stands in a message; undefined for what another dialect alone has a word for. */
export const blockOf = (dialect: string, value: unknown): Block | undefined =>
  dialect === 'anthropic-messages' && isObject(value) && typeof value['type'] === 'string' ? value : undefined

/** It belongs to the block before it. */
export const isDelta = ({ type }: Block): boolean => String(type).endsWith('_delta')

function cited(block: Block, { citation }: Block): Block {
  const { citations } = block
  return { ...block, citations: [...(Array.isArray(citations) ? (citations as unknown[]) : []), citation] }
}

/** A call’s input is an object here; what a model wrote otherwise, or was cut in, is shown as it is. */
function inputOf(json: string): Block {
  try {
    const value: unknown = json === '' ? {} : JSON.parse(json)
    return isObject(value) ? value : { arguments: value }
  } catch {
    return { arguments: json }
  }
}
