import type { Target } from './backend.ts'
import type { Considered, Reason } from './decision.ts'
import type { Identity } from './guard.ts'
import type { ModelRequest } from './request.ts'

/** Who may answer, in the order in which they are asked, and why. */
export interface Route {
  /** The row of `models` that took the name: a wildcard, or the name itself. */
  readonly row: string
  /** Empty when nobody may and can: `considered` says why. */
  readonly targets: readonly Target[]
  readonly considered: readonly Considered[]
  readonly reasons: readonly Reason[]
}

/** What the router may know of a backend's state. */
export type Standing = 'up' | 'resting'

/** Decides purely. Throws `Failure('model_unknown')`. */
export type Router = (
  request: ModelRequest,
  identity: Identity,
  standing: (backend: string, model: string) => Standing,
) => Route
