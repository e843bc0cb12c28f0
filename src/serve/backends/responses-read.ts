import type { FinishReason, ModelEvent } from '../../core/event.ts'
import { reported } from '../../core/usage.ts'
import type { Usage } from '../../core/usage.ts'
import { costOf, isCount, timingsOf } from './openai-usage.ts'
import { invalid, parseObject, type Reading } from './reading.ts'
import { ResponsesItem, type RawItem } from './responses-item.ts'
import { failureInBody } from './upstream-failure.ts'

interface RawUsage {
  readonly input_tokens?: number | null
  readonly output_tokens?: number | null
  readonly input_tokens_details?: {
    readonly cached_tokens?: number | null
    readonly cache_write_tokens?: number | null
  } | null
  readonly output_tokens_details?: { readonly reasoning_tokens?: number | null } | null
  /** OpenRouter: US dollars. */
  readonly cost?: number | null
}

interface RawResponse {
  readonly id?: string
  readonly model?: string
  readonly created_at?: number
  readonly status?: string
  readonly output?: readonly RawItem[]
  readonly usage?: RawUsage | null
  readonly error?: unknown
  readonly incomplete_details?: { readonly reason?: string } | null
  readonly service_tier?: string | null
  /** vLLM. */
  readonly metrics?: Parameters<typeof timingsOf>[0]['metrics']
}

interface RawEvent {
  readonly type?: string
  readonly response?: RawResponse
  readonly output_index?: number
  readonly item?: RawItem
  readonly delta?: string
  readonly summary_index?: number
  readonly logprobs?: readonly unknown[] | null
  readonly annotation?: unknown
  readonly error?: unknown
}

/** Reads an answer of `/responses`, an event at a time or whole. One per answer. */
export class ResponsesReading implements Reading {
  readonly #items = new Map<number, ResponsesItem>()
  #calls = 0
  #started = false
  #ended = false

  /** One event of a stream. Throws `Failure('upstream_invalid')`. */
  readonly message = ({ data }: { readonly data: string }): readonly ModelEvent[] => {
    // A terminator behind the last event.
    if (data.startsWith('[DONE]')) return this.#ended ? [{ type: 'end' }] : []
    const event = parseObject(data) as RawEvent
    switch (event.type) {
      case 'response.output_text.delta':
        return this.#item(event).text('text', event.delta ?? '', event.logprobs ?? [])
      case 'response.refusal.delta':
        return this.#item(event).text('refusal', event.delta ?? '')
      case 'response.reasoning_text.delta':
        return this.#item(event).thought('content', 0, event.delta ?? '')
      case 'response.reasoning_summary_text.delta':
        return this.#item(event).thought('summary', event.summary_index ?? 0, event.delta ?? '')
      case 'response.function_call_arguments.delta':
        return this.#item(event).input(event.delta ?? '')
      case 'response.output_text.annotation.added':
        return [opaque({ type: event.type, annotation: event.annotation })]
      case 'response.output_item.added':
        return this.#item(event).begin(event.item ?? {})
      case 'response.output_item.done':
        return this.#item(event).end(event.item ?? {})
      case 'response.completed':
      case 'response.incomplete':
        return this.#over(event.response ?? {})
      case 'response.failed':
        return [failureInBody(data, event.response?.error)]
      case 'error':
        return [failureInBody(data, event.error ?? event)]
      default:
        return event.response === undefined ? [] : this.#start(event.response)
    }
  }

  /** A whole body. */
  readonly whole = (body: Uint8Array): readonly ModelEvent[] => {
    const text = decoder.decode(body)
    const response = parseObject(text) as RawResponse
    if (response.error || response.status === 'failed') {
      return [failureInBody(text, response.error), { type: 'end' }]
    }
    if (!Array.isArray(response.output)) throw invalid('has no output')
    return [...this.#start(response), ...this.#over(response)]
  }

  #start({ id, model, created_at: created }: RawResponse): ModelEvent[] {
    if (this.#started) return []
    this.#started = true
    return [
      {
        type: 'start',
        ...(id && { id }),
        ...(model && { model }),
        ...(created !== undefined && { created: Math.floor(created) }),
      },
    ]
  }

  /** The place of the call among the calls is known when it begins. */
  #item({ output_index: index = 0 }: RawEvent): ResponsesItem {
    let item = this.#items.get(index)
    if (item === undefined) this.#items.set(index, (item = new ResponsesItem(() => this.#calls++)))
    return item
  }

  /** The whole of it: what no event told before is told now. */
  #over(response: RawResponse): readonly ModelEvent[] {
    if (this.#ended) return []
    this.#ended = true
    const events = this.#start(response)
    for (const [index, item] of (response.output ?? []).entries()) {
      events.push(...this.#item({ output_index: index }).end(item))
    }
    const usage = response.usage && usageOf(response.usage)
    if (usage) events.push({ type: 'usage', usage })
    const timing = timingsOf({ metrics: response.metrics ?? null })
    if (timing !== undefined) events.push(timing)
    if (response.service_tier) events.push({ type: 'rest', fields: { service_tier: response.service_tier } })
    events.push({ type: 'finish', reason: this.#reason(response) }, { type: 'end' })
    return events
  }

  #reason({ status, incomplete_details: why }: RawResponse): FinishReason {
    if (status === 'incomplete') return incomplete[why?.reason ?? ''] ?? 'other'
    return this.#calls > 0 ? 'tool-calls' : 'stop'
  }
}

const incomplete: Readonly<Record<string, FinishReason | undefined>> = {
  max_output_tokens: 'length',
  content_filter: 'refusal',
}

const opaque = (value: unknown): ModelEvent => ({ type: 'opaque', dialect: 'openai-responses', value })

function usageOf(raw: RawUsage): Usage {
  const { cached_tokens: cached, cache_write_tokens: written } = raw.input_tokens_details ?? {}
  const reasoning = raw.output_tokens_details?.reasoning_tokens
  return {
    ...(isCount(raw.input_tokens) && { input: reported(raw.input_tokens) }),
    ...(isCount(raw.output_tokens) && { output: reported(raw.output_tokens) }),
    ...(isCount(cached) && { cached: reported(cached) }),
    ...(isCount(written) && { cacheWrite: reported(written) }),
    ...(isCount(reasoning) && { reasoning: reported(reasoning) }),
    ...costOf(raw.cost),
  }
}

const decoder = new TextDecoder()
