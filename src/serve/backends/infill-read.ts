import type { FinishReason, ModelEvent } from '../../core/event.ts'
import { reported } from '../../core/usage.ts'
import type { Usage } from '../../core/usage.ts'
import { isCount, timingsOf } from './openai-usage.ts'
import { invalid, parseObject, type Reading } from './reading.ts'
import { failureInBody } from './upstream-failure.ts'

/** llama.cpp's own answer to `/infill`: the same object in each piece and as a whole. */
interface RawInfill {
  readonly content?: string
  readonly stop?: boolean
  readonly model?: string
  readonly tokens_predicted?: number
  readonly tokens_evaluated?: number
  readonly tokens_cached?: number
  readonly stop_type?: string
  readonly stopping_word?: string
  readonly timings?: {
    readonly prompt_ms?: number
    readonly predicted_ms?: number
    readonly cache_n?: number
  } | null
  readonly error?: unknown
}

/** Reads an answer of llama-server's `/infill`, a piece at a time or whole. One per answer. */
export class InfillReading implements Reading {
  #started = false
  #ended = false

  readonly message = ({ data }: { readonly data: string }): readonly ModelEvent[] => {
    if (data.startsWith('[DONE]')) return this.#end()
    const raw = parseObject(data) as RawInfill
    return raw.stop === true ? [...this.#piece(raw, data), ...this.#end()] : this.#piece(raw, data)
  }

  readonly whole = (body: Uint8Array): readonly ModelEvent[] => {
    const text = decoder.decode(body)
    return [...this.#piece({ stop: true, ...(parseObject(text) as RawInfill) }, text), { type: 'end' }]
  }

  #end(): readonly ModelEvent[] {
    if (this.#ended) return []
    this.#ended = true
    return [{ type: 'end' }]
  }

  #piece(raw: RawInfill, text: string): ModelEvent[] {
    if (raw.error) return [failureInBody(text, raw.error)]
    if (typeof raw.content !== 'string') throw invalid('has no content')
    const events: ModelEvent[] = []
    if (!this.#started) events.push({ type: 'start', ...(raw.model && { model: raw.model }) })
    this.#started = true
    if (raw.content !== '') events.push({ type: 'text', text: raw.content })
    if (raw.stop !== true) return events
    const timing = timingsOf({ timings: raw.timings ?? null })
    const finish = { type: 'finish', reason: reasons[raw.stop_type ?? ''] ?? 'stop' } as const
    events.push({ type: 'usage', usage: usageOf(raw) })
    if (timing !== undefined) events.push(timing)
    events.push(raw.stopping_word ? { ...finish, stopSequence: raw.stopping_word } : finish)
    return events
  }
}

function usageOf({ tokens_evaluated: input, tokens_predicted: output, timings }: RawInfill): Usage {
  return {
    ...(isCount(input) && { input: reported(input) }),
    ...(isCount(output) && { output: reported(output) }),
    ...(isCount(timings?.cache_n) && { cached: reported(timings.cache_n) }),
  }
}

const reasons: Readonly<Record<string, FinishReason | undefined>> = { limit: 'length' }

const decoder = new TextDecoder()
