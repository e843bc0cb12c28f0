import type { FinishReason, ModelEvent } from '../../core/event.ts'
import { reported, type Usage } from '../../core/usage.ts'
import { geminiFailureIn } from './gemini-failure.ts'
import { callId, sealPart } from './gemini-seal.ts'
import { chatLogprobs } from './ollama-logprobs.ts'
import { isCount } from './openai-usage.ts'
import { invalid, parseObject, type Reading } from './reading.ts'

interface RawPart {
  readonly text?: string
  readonly thought?: boolean
  readonly thoughtSignature?: string
  readonly functionCall?: { readonly id?: string; readonly name?: string; readonly args?: unknown }
}

interface RawLogprob {
  readonly token?: string
  readonly logProbability?: number
}

interface RawCandidate {
  readonly index?: number
  readonly content?: { readonly parts?: readonly RawPart[] } | null
  readonly finishReason?: string
  readonly finishMessage?: string
  readonly logprobsResult?: {
    readonly chosenCandidates?: readonly RawLogprob[]
    readonly topCandidates?: readonly { readonly candidates?: readonly RawLogprob[] }[]
  }
  readonly citationMetadata?: unknown
  readonly groundingMetadata?: unknown
  readonly urlContextMetadata?: unknown
}

interface RawUsage {
  readonly promptTokenCount?: number
  readonly cachedContentTokenCount?: number
  readonly candidatesTokenCount?: number
  readonly thoughtsTokenCount?: number
  readonly toolUsePromptTokenCount?: number
}

interface RawAnswer {
  readonly responseId?: string
  readonly modelVersion?: string
  readonly candidates?: readonly RawCandidate[]
  readonly promptFeedback?: { readonly blockReason?: string }
  readonly usageMetadata?: RawUsage
  readonly error?: unknown
}

type Choice = { readonly choice?: number }

/**
 * Reads an answer of `generateContent`, a piece of its stream or whole. One per answer. A stream has no word for its
 * end: it ends with its body.
 */
export class GeminiReading implements Reading {
  #started = false
  #id = ''
  /** How many calls each choice has made. */
  readonly #calls = new Map<number, number>()

  /** One piece of a stream. Throws `Failure('upstream_invalid')`. */
  readonly message = ({ data }: { readonly data: string }): readonly ModelEvent[] => this.#answer(data)

  /** A whole body. */
  readonly whole = (body: Uint8Array): readonly ModelEvent[] => [
    ...this.#answer(decoder.decode(body)),
    { type: 'end' },
  ]

  #answer(text: string): ModelEvent[] {
    const answer = parseObject(text) as RawAnswer
    if (answer.error) return [geminiFailureIn(text, answer.error)]
    const { candidates, promptFeedback, usageMetadata } = answer
    if (!candidates && !promptFeedback && !usageMetadata) throw invalid('has no candidates')
    const events: ModelEvent[] = []
    // The first event says how the call went.
    if (promptFeedback?.blockReason) events.push(blocked(promptFeedback.blockReason))
    else if (!this.#started) this.#start(answer, events)
    for (const candidate of candidates ?? []) this.#candidate(candidate, events)
    const usage = usageMetadata && usageOf(usageMetadata)
    if (usage !== undefined) events.push({ type: 'usage', usage })
    return events
  }

  #start({ responseId: id, modelVersion: model }: RawAnswer, events: ModelEvent[]): void {
    this.#started = true
    this.#id = (id ?? '').replaceAll(/[^\w-]/g, '')
    events.push({ type: 'start', ...(id && { id }), ...(model && { model }) })
  }

  #candidate(raw: RawCandidate, events: ModelEvent[]): void {
    const index = raw.index ?? 0
    const of: Choice = index === 0 ? {} : { choice: index }
    for (const part of raw.content?.parts ?? []) this.#part(part, index, of, events)
    if (raw.logprobsResult) events.push({ type: 'logprobs', logprobs: logprobsOf(raw.logprobsResult), ...of })
    const reason = raw.finishReason
    const known = reason === undefined ? undefined : finishReasons[reason]
    const { citationMetadata, groundingMetadata, urlContextMetadata } = raw
    const beside = Object.entries({
      citationMetadata,
      groundingMetadata,
      urlContextMetadata,
      // A finish that no other dialect has.
      ...(reason && !known && { finishReason: reason, finishMessage: raw.finishMessage }),
    }).filter(([, value]) => value !== undefined)
    if (beside.length > 0) {
      events.push({ type: 'opaque', dialect: 'gemini', value: Object.fromEntries(beside), ...of })
    }
    if (!reason) return
    const isForTools = known === 'stop' && this.#calls.has(index)
    events.push({ type: 'finish', reason: isForTools ? 'tool-calls' : (known ?? 'other'), ...of })
  }

  #part(part: RawPart, choice: number, of: Choice, events: ModelEvent[]): void {
    const { text, thought, thoughtSignature: signature, functionCall, ...others } = part
    if (functionCall) {
      this.#call(functionCall, signature, choice, of, events)
    } else if (Object.keys(others).length > 0) {
      events.push({ type: 'opaque', dialect: 'gemini', value: part, ...of })
    } else if (thought === true) {
      const seal = signature ? { signature: sealPart('thought', signature) } : {}
      if (text || signature) events.push({ type: 'reasoning', text: text ?? '', ...seal, ...of })
    } else {
      if (text) events.push({ type: 'text', text, ...of })
      if (!signature) return
      const seal = sealPart(text ? 'text' : 'bare', signature)
      events.push({ type: 'reasoning', text: '', signature: seal, ...of })
    }
  }

  /** Calls come whole. Most have no id: the answer's makes one that no other turn has. */
  #call(
    { id, name = '', args }: NonNullable<RawPart['functionCall']>,
    signature: string | undefined,
    choice: number,
    of: Choice,
    events: ModelEvent[],
  ): void {
    const index = this.#calls.get(choice) ?? 0
    this.#calls.set(choice, index + 1)
    const made = `call_${this.#id}_${choice}_${index}`
    const seen = callId(made, { ...(id && { id }), ...(signature && { signature }) })
    events.push({ type: 'tool-call', index, id: seen, name, ...of })
    events.push({ type: 'tool-input', index, json: JSON.stringify(args ?? {}), ...of })
  }
}

const blocked = (reason: string): ModelEvent => ({
  type: 'failure',
  code: 'content_refused',
  facts: { message: `Gemini blocked the prompt: ${reason}.` },
})

/** Thoughts are not among the candidates' tokens, nor what tools of Google's brought among the prompt's. */
function usageOf(raw: RawUsage): Usage | undefined {
  const usage: { -readonly [K in keyof Usage]: Usage[K] } = {}
  const { cachedContentTokenCount: cached, thoughtsTokenCount: thought } = raw
  const input = sum(raw.promptTokenCount, raw.toolUsePromptTokenCount)
  const output = sum(raw.candidatesTokenCount, thought)
  if (input !== undefined) usage.input = reported(input)
  if (output !== undefined) usage.output = reported(output)
  if (isCount(cached)) usage.cached = reported(cached)
  if (isCount(thought)) usage.reasoning = reported(thought)
  return Object.keys(usage).length === 0 ? undefined : usage
}

/** Undefined where neither is told. */
function sum(a: unknown, b: unknown): number | undefined {
  if (!isCount(a) && !isCount(b)) return undefined
  return (isCount(a) ? a : 0) + (isCount(b) ? b : 0)
}

function logprobsOf({
  chosenCandidates = [],
  topCandidates = [],
}: NonNullable<RawCandidate['logprobsResult']>) {
  const told = ({ token = '', logProbability = 0 }: RawLogprob) => ({ token, logprob: logProbability })
  return chatLogprobs(
    chosenCandidates.map((chosen, at) => ({
      ...told(chosen),
      top_logprobs: (topCandidates[at]?.candidates ?? []).map(told),
    })),
  )
}

const decoder = new TextDecoder()

const finishReasons: Readonly<Record<string, FinishReason | undefined>> = {
  STOP: 'stop',
  MAX_TOKENS: 'length',
  CONTINUATION: 'length',
  SAFETY: 'refusal',
  RECITATION: 'refusal',
  BLOCKLIST: 'refusal',
  PROHIBITED_CONTENT: 'refusal',
  SPII: 'refusal',
  IMAGE_SAFETY: 'refusal',
  IMAGE_PROHIBITED_CONTENT: 'refusal',
  IMAGE_RECITATION: 'refusal',
}
