import type { Operation } from './operation.ts'
import type { Usage } from './usage.ts'

/** Whose key it is, as the guard found it. */
export interface Identity {
  /** The key's public id. */
  readonly key: string
  readonly name: string
  readonly team: string | undefined
  readonly tags: readonly string[]
  /** Model names (with `*`) that this key may ask for; undefined: all. */
  readonly models: readonly string[] | undefined
  /** Names of places that may answer this key; undefined: all. */
  readonly places: readonly string[] | undefined
  /** It may bring models to this machine and take them away. */
  readonly admin?: boolean
}

/** A place in every limit that applies. Closing it twice is harmless. */
export interface Admission {
  /** What it takes from, by their names; none where it is left out. */
  readonly limits?: readonly { readonly id: string }[]
  /** Gives the concurrency back and corrects the tokens taken to what was really used. */
  close(usage: Usage): void
}

export interface Demand {
  readonly operation: Operation
  /** The name that was asked for. */
  readonly model: string
  /** The row of `models` that is asked first: an alias does not lead around its limits. */
  readonly row: string
  /** Input estimate plus the output limit: what is taken from tokens per minute until the truth is known. */
  readonly tokens: number
}

/** May this call run. */
export interface Guard {
  /** Throws `Failure('key_missing' | 'key_unknown' | 'key_revoked' | 'key_expired')`. */
  identify(secret: string | undefined): Identity
  /** Looks for keys that another process made a moment ago. */
  refresh(): Promise<void>
  /** The key in force of this name, for callers on this machine that can show none. Throws as `identify`. */
  identifyNamed(name: string): Identity
  /**
   * Takes from all limits or from none. Throws `Failure('model_not_allowed')`, or `Failure('rate_limited')` with
   * `retryAfterMs`, and then nothing was taken.
   */
  admit(identity: Identity, demand: Demand): Admission
  /** For a call that an earlier guard admitted and that still runs: takes from the limits that are new, refuses nothing. */
  carry(admission: Admission, identity: Identity, demand: Demand): Admission
}
