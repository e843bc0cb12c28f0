/** Time and ids come from `app.ts`, so that deciding code stays pure and tests can hold the clock. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** Monotonic milliseconds, for durations. */
  tick(): number
}
