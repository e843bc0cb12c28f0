import { isObject } from '../../core/is-object.ts'
import type { FinishReason, ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import type { AnswerFacts } from '../../core/surface.ts'
import { atOnce } from '../../core/turns.ts'
import { mergeUsage, type Usage } from '../../core/usage.ts'
import { Fields } from './fields.ts'
import { Output } from './openai-responses-output.ts'
import type { Emit, Json } from './openai-responses-output-items.ts'
import { echoOf, responseError, responseId, responseUsage } from './openai-responses-resource.ts'
import { offeredTools, type OfferedTool } from './openai-responses-tools.ts'

type Status = 'in_progress' | 'completed' | 'incomplete' | 'failed'

/** A response as its events make it; each step is told as it happens. */
export class ResponseDraft {
  readonly #facts: AnswerFacts
  readonly #emit: Emit
  readonly #output: Output
  readonly #echo: Json
  #status: Status = 'in_progress'
  #isBegun = false
  #model: string
  #usage: Usage | undefined
  #finish: FinishReason | undefined
  #refused = false
  #error: Json | null = null
  #rest: Json = {}
  readonly #untranslated: Json[] = []

  constructor(facts: AnswerFacts, emit: Emit) {
    const { body, model } = facts.request
    const tools = toolsOf(facts)
    const include = body.get('include')
    const isAsked = Array.isArray(include) && include.includes('reasoning.encrypted_content')
    this.#facts = facts
    this.#emit = emit
    this.#model = model
    this.#echo = echoOf(body, tools)
    // What is kept here goes back to the model as well.
    const keepsSeals = isAsked || this.#echo['store'] === true
    this.#output = new Output(emit, responseId(facts.requestId).slice('resp_'.length), tools, keepsSeals)
  }

  see(event: ModelEvent): void {
    // One answer is what this dialect has room for.
    if ('choice' in event && (event.choice ?? 0) > 0) return
    if (event.type === 'start') this.#model = event.model ?? this.#model
    this.#begin()
    switch (event.type) {
      case 'text':
        return this.#output.say('output_text', event.text)
      case 'refusal':
        this.#refused = true
        return this.#output.say('refusal', event.text)
      case 'reasoning':
        return this.#output.think(event.text, event.signature)
      case 'tool-call':
        return this.#output.call(event)
      case 'tool-input':
        return this.#output.callInput(event.index, event.json)
      case 'logprobs':
        return this.#output.logprobs(event.logprobs)
      case 'opaque':
        return this.#opaque(event)
      case 'usage':
        this.#usage = mergeUsage(this.#usage, event.usage)
        return
      case 'rest':
        this.#rest = { ...this.#rest, ...event.fields }
        return
      case 'finish':
        this.#finish = event.reason
        return this.#output.close(this.#isCut ? 'incomplete' : 'completed')
      case 'failure':
        return this.#fail(new Failure(event.code, event.facts))
      case 'end':
        return this.#end()
    }
  }

  /** As it stands. */
  resource(): Json {
    const { requestId, created, tookMs } = this.#facts
    const tookSeconds = tookMs === undefined ? 0 : Math.round(tookMs() / 1000)
    return {
      ...this.#echo,
      ...this.#rest,
      id: responseId(requestId),
      object: 'response',
      created_at: created,
      completed_at: this.#status === 'completed' ? created + tookSeconds : null,
      status: this.#status,
      incomplete_details: this.#status === 'incomplete' ? { reason: this.#cutBy } : null,
      error: this.#error,
      model: this.#model,
      output: this.#output.values(),
      usage: this.#usage === undefined ? null : responseUsage(this.#usage),
      ...(this.#untranslated.length > 0 && { untranslated: this.#untranslated }),
    }
  }

  #begin(): void {
    if (this.#isBegun) return
    this.#isBegun = true
    this.#tell('response.created')
    this.#tell('response.in_progress')
  }

  #end(): void {
    this.#output.close('completed')
    this.#status = this.#isCut ? 'incomplete' : 'completed'
    this.#tell(`response.${this.#status}`)
  }

  #fail(failure: Failure): void {
    this.#status = 'failed'
    this.#error = responseError(failure, this.#facts.requestId)
    this.#tell('response.failed')
  }

  /** Items of this very dialect, thoughts that only their maker can read; for all else there is no word here. */
  #opaque({ dialect, value }: Extract<ModelEvent, { type: 'opaque' }>): void {
    const type = isObject(value) ? value['type'] : undefined
    if (!isObject(value) || typeof type !== 'string') this.#leave(value)
    else if (sealedThoughts.has(type)) this.#output.hide({ dialect, value })
    else if (dialect !== 'openai-responses') this.#leave(value)
    else if (type === 'response.output_text.annotation.added') this.#output.annotate(value['annotation'])
    else this.#output.keep(value)
  }

  #leave(value: unknown): void {
    this.#untranslated.push({ index: this.#untranslated.length, value })
  }

  /** A filter that ends an answer without a word of the model cuts it; a refusal in words is an answer. */
  get #isCut(): boolean {
    return this.#finish === 'length' || (this.#finish === 'refusal' && !this.#refused)
  }

  get #cutBy(): string {
    return this.#finish === 'length' ? 'max_output_tokens' : 'content_filter'
  }

  #tell(type: string): void {
    this.#emit(type, { response: this.resource() })
  }
}

/** As Anthropic calls them, and OpenRouter. */
const sealedThoughts: ReadonlySet<string> = new Set(['redacted_thinking', 'reasoning.encrypted'])

/** The tools of a body that cannot be read: none. Whoever asks the model has refused it. */
function toolsOf({ request }: AnswerFacts): readonly OfferedTool[] {
  try {
    return atOnce(offeredTools(new Fields(request.body), {}))
  } catch (thrown) {
    if (thrown instanceof Failure) return []
    throw thrown
  }
}
