/** Asked at the start: when the terminal is gone it is too late. */
const isAtTerminal = process.stdin.isTTY

/** A terminal tells the launcher and this process, and the launcher passes it on: the same wish arrives twice. */
const sameWishMs = 500

interface Wishes {
  readonly stopped: Promise<void>
  readonly hurried: Promise<void>
  release(): void
}

/**
 * `stopped` resolves at the first SIGINT or SIGTERM, `hurried` at a second one, when the first has been heard. A third
 * ends the process, whatever it is doing. SIGHUP calls back, but from a terminal it means that the terminal is gone:
 * that stops too.
 */
export const untilStopped = (onHangup: () => void): Wishes => {
  const stopped = Promise.withResolvers<void>()
  const hurried = Promise.withResolvers<void>()
  const wishes = [stopped.resolve, hurried.resolve, () => process.exit(1)]
  let heardAt = -Infinity
  let hungUpAt = -Infinity
  const stop = (): void => {
    if (performance.now() - heardAt <= sameWishMs) return
    heardAt = performance.now()
    wishes.shift()?.()
  }
  const hangup = (): void => {
    if (isAtTerminal) return stop()
    if (performance.now() - hungUpAt > sameWishMs) onHangup()
    hungUpAt = performance.now()
  }
  process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', hangup)
  return {
    stopped: stopped.promise,
    hurried: hurried.promise,
    release: () => void process.off('SIGINT', stop).off('SIGTERM', stop).off('SIGHUP', hangup),
  }
}
