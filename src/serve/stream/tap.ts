import type { ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import { mergeUsage, type Count, type Usage } from '../../core/usage.ts'

/** Engine-reported times of a call, milliseconds. */
export interface Timing {
  readonly prefillMs?: number
  readonly decodeMs?: number
  readonly queueMs?: number
}

/** What accounting needs to know of an answer while it goes by. Keeps counts, never text. */
export class Tap {
  failure: Failure | undefined
  /** The upstream said itself that nothing follows. */
  ended = false
  timing: Timing = {}
  #reported: Usage = {}
  #pieces = 0
  #characters = 0
  readonly #seen = new Set<number>()
  readonly #done = new Set<number>()

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
      case 'finish':
        this.#seen.add(event.choice ?? 0)
        this.#done.add(event.choice ?? 0)
        return
      case 'usage':
        this.#reported = mergeUsage(this.#reported, event.usage)
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
    return this.#done.size > 0 && this.#done.size === this.#seen.size
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
    return {
      ...this.#reported,
      ...(input === undefined && { input: estimated(Math.ceil(promptBytes / 4)) }),
      ...(isEarly && guess > 0 && { output: estimated(guess) }),
    }
  }

  #count(text: string, choice = 0): void {
    this.#seen.add(choice)
    if (text === '') return
    this.#pieces++
    this.#characters += text.length
  }
}

const estimated = (tokens: number): Count => ({ tokens, source: 'estimated' })
