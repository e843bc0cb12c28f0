import type { FailureCode } from './failure.ts'
import type { Label } from './label.ts'

/** Why a step was taken, or a target passed over: a stable code, and a sentence for people. Never prompt text. */
export interface Reason {
  readonly code: string
  readonly text: string
}

/** One place that could answer: a row of `models`, resolved. */
export interface TargetName {
  /** The row in `models`. */
  readonly row: string
  readonly backend: string
  /** The model's name at the backend. */
  readonly model: string
  readonly place: string
}

export interface Considered extends TargetName {
  /** Whether it may and can; who did answer stands in `attempts`. */
  readonly verdict: 'eligible' | 'passed-over'
  readonly reasons: readonly Reason[]
}

export interface Attempt extends TargetName {
  readonly outcome: 'answered' | 'failed' | 'refused' | 'left'
  readonly failure?: FailureCode
  readonly status?: number
  /** Where it could not be reached. */
  readonly address?: string
  readonly queueMs: number
  readonly tookMs: number
}

/** Who answered, and why. The same object in `x-inhouse-decision`, `explain`, the ledger and the console. */
export interface Decision {
  readonly asked: string
  readonly label: Label
  readonly considered: readonly Considered[]
  readonly attempts: readonly Attempt[]
  readonly reasons: readonly Reason[]
}
