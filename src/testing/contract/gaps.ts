/** What cannot be, pair by pair: each with the words of those who make it so. The contract suite skips these and no others. */
export interface Gap {
  /** Id of a surface; left out: of all. */
  readonly surface?: string
  /** Id of an upstream; left out: of all. */
  readonly backend?: string
  readonly case: string
  /** Streamed or whole; left out: both. */
  readonly form?: 'stream' | 'whole'
  readonly why: string
  /** Where its maker says so. */
  readonly source: string
}

export const contractGaps: readonly Gap[] = []

export const gapOf = (
  surface: string,
  backend: string,
  id: string,
  form: 'stream' | 'whole',
): Gap | undefined =>
  contractGaps.find(
    (gap) =>
      gap.case === id &&
      (gap.surface ?? surface) === surface &&
      (gap.backend ?? backend) === backend &&
      (gap.form ?? form) === form,
  )
