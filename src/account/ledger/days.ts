/** Days are counted from the epoch, in UTC. */
export const dayMs = 86_400_000

export const dayOf = (at: number): number => Math.floor(at / dayMs)

/** `2026-11-21` */
export const dayName = (day: number): string => new Date(day * dayMs).toISOString().slice(0, 10)
