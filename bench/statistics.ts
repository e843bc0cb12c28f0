/** The value that a share of the numbers lies at or below; NaN when there are none. */
export function quantile(numbers: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(numbers).toSorted()
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

export const median = (numbers: ArrayLike<number>): number => quantile(numbers, 0.5)

/** To so many digits that count: 0.0832, 12.3, 4,510. */
export const rounded = (value: number, digits = 3): number => Number(value.toPrecision(digits))
