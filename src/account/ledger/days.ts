/** Days are counted from the epoch, in UTC. */
export const dayMs = 86_400_000

export const dayOf = (at: number): number => Math.floor(at / dayMs)

/** The day that `2026-11-21` names; undefined where there is no such day. */
export const parseDay = (text: string): number | undefined => {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(text) : Number.NaN
  // The 31st of a shorter month is read as a day of the next one.
  return Number.isNaN(at) || dayName(dayOf(at)) !== text ? undefined : dayOf(at)
}

/** `2026-11-21` */
export const dayName = (day: number): string => new Date(day * dayMs).toISOString().slice(0, 10)
