import type { ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import type { AnswerFacts } from '../../core/surface.ts'
import { mergeUsage, type Usage } from '../../core/usage.ts'
import { sseMessage } from '../stream/sse-writer.ts'
import { headOf, openAiUsage, type Head } from './openai-answer.ts'
import { openAiError } from './openai-error.ts'

/** The part of a stream that chat and completions have in common: a head, the usage at the end, the terminator. */
export class Chunks {
  readonly #facts: AnswerFacts
  readonly #prefix: string
  readonly #object: string
  readonly #tail: string
  #head: string
  #rest = ''
  #usage: Usage | undefined
  #failed = false

  constructor(facts: AnswerFacts, prefix: string, object: string) {
    this.#facts = facts
    this.#prefix = prefix
    this.#object = object
    this.#head = this.#headText({})
    // Who asks for usage gets `usage: null` in every chunk but its own.
    this.#tail = facts.request.wantsUsage ? '],"usage":null}\n\n' : ']}\n\n'
  }

  /** A chunk with one choice, given as JSON text. */
  chunk(choice: string): string {
    return `data: ${this.#head}${this.#takeRest()},"choices":[${choice}${this.#tail}`
  }

  /** What is written alike in both dialects. */
  write(event: ModelEvent): string {
    switch (event.type) {
      case 'start':
        this.#head = this.#headText(event)
        return ''
      case 'usage':
        this.#usage = mergeUsage(this.#usage, event.usage)
        return ''
      case 'rest':
        this.#keep(event.fields)
        return ''
      case 'failure':
        this.#failed = true
        return sseMessage(openAiError(new Failure(event.code, event.facts), this.#facts.requestId))
      case 'end':
        return this.#failed ? '' : `${this.#usageChunk()}data: [DONE]\n\n`
      default:
        return ''
    }
  }

  #usageChunk(): string {
    if (this.#usage === undefined || !this.#facts.request.wantsUsage) return ''
    const usage = JSON.stringify(openAiUsage(this.#usage))
    return `data: ${this.#head}${this.#takeRest()},"choices":[],"usage":${usage}}\n\n`
  }

  #headText(head: Head): string {
    return JSON.stringify(headOf(head, this.#facts, this.#prefix, this.#object)).slice(0, -1)
  }

  /** Fields that only the dialect knows go with the next chunk. */
  #keep(fields: Readonly<Record<string, unknown>>): void {
    for (const [key, value] of Object.entries(fields)) {
      const text = JSON.stringify(value)
      if (!ownKeys.has(key) && text !== undefined) this.#rest += `,${JSON.stringify(key)}:${text}`
    }
  }

  #takeRest(): string {
    const rest = this.#rest
    this.#rest = ''
    return rest
  }
}

const ownKeys: ReadonlySet<string> = new Set(['id', 'object', 'created', 'model', 'choices', 'usage'])
