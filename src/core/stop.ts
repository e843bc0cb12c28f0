export type StopListener = (() => void) | { handleEvent(): void }

/**
 * Tells, once, that nobody waits any more, and why. An `AbortSignal` is one; the gateway has its own for each call, since
 * a controller and its listeners cost a call 8 µs (of 110, measured in the server) and a field here and there costs none.
 */
export interface Stop {
  readonly aborted: boolean
  readonly reason: unknown
  addEventListener(type: 'abort', listener: StopListener): void
  removeEventListener(type: 'abort', listener: StopListener): void
}

/** For whoever needs the platform's own kind. */
export function abortSignalOf(stop: Stop): AbortSignal {
  if (stop instanceof AbortSignal) return stop
  const controller = new AbortController()
  const fire = (): void => controller.abort(stop.reason)
  if (stop.aborted) fire()
  else stop.addEventListener('abort', fire)
  return controller.signal
}
