import type { ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import { mergeUsage, type Count, type Usage } from '../../core/usage.ts'

/** Engine-reported times of a call, milliseconds. */
export interface Timing {
  readonly prefillMs?: number
  readonly decodeMs?: number
  readonly queueMs?: number
  readonly loadMs?: number
}

const nothing: Usage = {}

/** What accounting needs to know of an answer while it goes by. Keeps counts, never text. */
export class Tap {
  failure: Failure | undefined
  /** The upstream said itself that nothing follows. */
  ended = false
  timing: Timing = {}
  #reported: Usage = nothing
  #pieces = 0
  #characters = 0
  /** Choices that were begun, and those that have their finish; sets only where there are several. */
  #seen: number | Set<number> | undefined
  #done: number | Set<number> | undefined

  see(event: ModelEvent): void {
    switch (event.type) {
      case 'text':
      case 'reasoning':
      case 'refusal':
        this.#count(event.text, event.choice)
        return
      case 'tool-call':
        this.#count(event.name, event.choice)
        return
      case 'tool-input':
        this.#count(event.json, event.choice)
        return
      case 'opaque':
        this.#seen = withChoice(this.#seen, event.choice)
        return
      case 'finish':
        this.#seen = withChoice(this.#seen, event.choice)
        this.#done = withChoice(this.#done, event.choice)
        return
      case 'usage':
        this.#reported = this.#reported === nothing ? event.usage : mergeUsage(this.#reported, event.usage)
        return
      case 'timing': {
        const { type: _, ...timing } = event
        this.timing = { ...this.timing, ...timing }
        return
      }
      case 'failure':
        this.failure ??= new Failure(event.code, event.facts)
        return
      case 'end':
        this.ended = true
    }
  }

  /** Every choice that was begun has its finish, and there was one. */
  get finished(): boolean {
    const done = sizeOf(this.#done)
    return done > 0 && done === sizeOf(this.#seen)
  }

  get reportedUsage(): Usage {
    return this.#reported
  }

  /**
   * The usage, with what was not reported estimated: input at four bytes of the request a token; output at four
   * characters a token, but no less than the pieces it came in, for engines send one a token.
   */
  usage(promptBytes: number): Usage {
    const { input, output } = this.#reported
    const guess = Math.max(this.#pieces, Math.ceil(this.#characters / 4))
    // Before its finish a stream may have reported only how the count began.
    const isEarly = output === undefined || (!this.finished && output.tokens < guess)
    const isGuess = isEarly && guess > 0
    if (input !== undefined && !isGuess) return this.#reported
    const usage: { -readonly [K in keyof Usage]: Usage[K] } = { ...this.#reported }
    usage.input ??= estimated(Math.ceil(promptBytes / 4))
    if (isGuess) usage.output = estimated(guess)
    return usage
  }

  #count(text: string, choice: number | undefined): void {
    this.#seen = withChoice(this.#seen, choice)
    if (text === '') return
    this.#pieces++
    this.#characters += text.length
  }
}

function withChoice(choices: number | Set<number> | undefined, choice = 0): number | Set<number> {
  if (choices === undefined || choices === choice) return choice
  return (typeof choices === 'number' ? new Set([choices]) : choices).add(choice)
}

const sizeOf = (choices: number | Set<number> | undefined): number =>
  choices === undefined ? 0 : typeof choices === 'number' ? 1 : choices.size

const estimated = (tokens: number): Count => ({ tokens, source: 'estimated' })
