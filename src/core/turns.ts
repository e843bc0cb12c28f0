/** Work that can be laid down wherever it yields, and taken up again. */
export type Work<T> = Generator<undefined, T, undefined>

/** Bodies up to this size are worked through in one go: that takes less than a turn. */
const smallBytes = 32 * 1024

/** How long work goes on before the event loop gets its turn, milliseconds. */
const turnMs = 1

/** Small work in one go, large work in turns; by the bytes of the body that it is about. */
export const paced = <T>(bytes: number, work: Work<T>): T | Promise<T> =>
  bytes <= smallBytes ? atOnce(work) : inTurns(work)

export function atOnce<T>(work: Work<T>): T {
  let step = work.next()
  while (step.done !== true) step = work.next()
  return step.value
}

/** Gives the event loop its turn every `ms`, so that large work holds nobody up. */
export async function inTurns<T>(work: Work<T>, ms = turnMs): Promise<T> {
  let until = performance.now() + ms
  for (;;) {
    const step = work.next()
    if (step.done === true) return step.value
    if (performance.now() < until) continue
    await nextTurn()
    until = performance.now() + ms
  }
}

const waiting: (() => void)[] = []

/** One work a turn: many at once would add up to a long one. */
const nextTurn = (): Promise<void> =>
  new Promise((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(goOn)
  })

function goOn(): void {
  waiting.shift()?.()
  if (waiting.length > 0) setImmediate(goOn)
}
