import type { Decision } from './decision.ts'
import type { FailureCode } from './failure.ts'
import type { Label } from './label.ts'
import type { Money } from './money.ts'
import type { Operation } from './operation.ts'
import type { Usage } from './usage.ts'

/** `lost`: the process that held it died. `left`: the client hung up. */
export const outcomes = ['done', 'failed', 'left', 'lost'] as const
export type Outcome = (typeof outcomes)[number]

/** Written, and committed, before the upstream call. */
export interface Hold {
  /** The request id, unique; time-ordered. */
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The key's public id, never the secret. */
  readonly key: string
  readonly team: string | undefined
  readonly tags: readonly string[]
  readonly operation: Operation
  readonly surface: string
  readonly askedModel: string
  /** The row of `models` that took the name; left out where it is the name. Stands for it where clients make up many. */
  readonly row?: string
  /** The first target; the settlement names the one that answered. */
  readonly servedModel: string
  readonly backend: string
  readonly place: string
  readonly label: Label
  readonly decision: Decision
  /** The most this call may cost, where a price is known. */
  readonly reserved?: Money
}

/** Closes a hold, exactly once; a second settlement of the same id changes nothing. */
export interface Settlement {
  readonly id: string
  readonly outcome: Outcome
  readonly failure?: FailureCode
  readonly servedModel: string
  readonly backend: string
  readonly place: string
  readonly decision: Decision
  readonly usage: Usage
  readonly queueMs: number
  /** From arrival to the first model event; undefined when there was none. */
  readonly firstEventMs?: number
  readonly totalMs: number
  /** Engine-reported, where it says. */
  readonly prefillMs?: number
  readonly decodeMs?: number
  readonly cost?: Money
}

export interface LedgerPort {
  /** Resolves when the hold is committed. Holds of the same moment share a commit. Rejects with `Failure('store_full' | 'store_failed')`. */
  hold(hold: Hold): Promise<void>
  /** Queued at once and committed with its neighbours; survives a failing disk by trying again. Idempotent. */
  settle(settlement: Settlement): void
}
