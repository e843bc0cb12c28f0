/** Asked at the start: when the terminal is gone it is too late. */
const isAtTerminal = process.stdin.isTTY

/** A terminal tells the launcher and this process, and the launcher passes it on: the same wish arrives twice. */
const sameWishMs = 500

/**
 * Resolves at the first SIGINT or SIGTERM. A second one, when the first has been heard, ends the process at once.
 * SIGHUP calls back, but from a terminal it means that the terminal is gone: that ends the process too.
 */
export const untilStopped = (
  onHangup: () => void,
): { readonly stopped: Promise<void>; readonly release: () => void } => {
  const { promise, resolve } = Promise.withResolvers<void>()
  let firstAt: number | undefined
  let hungUpAt = -Infinity
  const stop = (): void => {
    firstAt ??= performance.now()
    if (performance.now() - firstAt > sameWishMs) process.exit(1)
    resolve()
  }
  const hangup = (): void => {
    if (isAtTerminal) return stop()
    if (performance.now() - hungUpAt > sameWishMs) onHangup()
    hungUpAt = performance.now()
  }
  process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', hangup)
  return {
    stopped: promise,
    release: () => void process.off('SIGINT', stop).off('SIGTERM', stop).off('SIGHUP', hangup),
  }
}
