import type { Origin } from './address.ts'
import type { Connection, ConnectionUser } from './connection.ts'

export interface PoolSettings {
  /** How long an idle connection is kept. */
  readonly idleMs: number
  /** Idle connections kept for one origin. */
  readonly idlePerOrigin: number
}

/** Holds a kept connection: whatever happens on it, bytes or an end, nobody asked for, and it is let go. */
class Idle implements ConnectionUser {
  readonly connection: Connection
  readonly since = performance.now()
  /** From when on it may be taken, and until when. */
  readonly from: number
  readonly until: number
  readonly #drop: (idle: Idle) => void

  constructor(
    connection: Connection,
    { restMs, idleMs }: { readonly restMs: number; readonly idleMs: number },
    drop: (idle: Idle) => void,
  ) {
    this.connection = connection
    this.from = this.since + restMs
    this.until = this.since + idleMs
    this.#drop = drop
  }

  opened(): void {}
  received(): void {
    this.#drop(this)
  }
  ended(): void {
    this.#drop(this)
  }
  broken(): void {
    this.#drop(this)
  }
}

/**
 * llama-server (cpp-httplib) closes after each chunked answer, some milliseconds late and without a word: a call sent
 * in between is lost. So a connection rests after one; and where it was closed soon all the same, none is kept for a while.
 */
const restMs = 25
const soonMs = 1000
const distrustMs = 60_000

/** Idle connections by origin; the most recently used is taken first, so that the others age and close. */
export class Pool {
  readonly #settings: PoolSettings
  readonly #idle = new Map<string, Idle[]>()
  /** Until when connections of these origins are not kept after a chunked answer. */
  readonly #distrusted = new Map<string, number>()
  #sweep: ReturnType<typeof setTimeout> | undefined
  #closed = false

  constructor(settings: PoolSettings) {
    this.#settings = settings
  }

  /** A kept connection, now the user's own; undefined when there is none. */
  take(origin: Origin, user: ConnectionUser): Connection | undefined {
    const kept = this.#idle.get(origin.key)
    if (kept === undefined) return undefined
    const now = performance.now()
    for (let at = kept.length - 1; at >= 0; at--) {
      const idle = kept[at]
      if (idle === undefined || idle.from > now) continue
      kept.splice(at, 1)
      if (kept.length === 0) this.#idle.delete(origin.key)
      if (idle.until > now) {
        idle.connection.user = user
        return idle.connection
      }
      idle.connection.close()
    }
    return undefined
  }

  /**
   * Keeps a connection whose last response is complete, or closes it where there is no room.
   * The server's own limit is undercut by a second: a call should not meet its closing on the way.
   */
  keep(connection: Connection, serverIdleMs: number | undefined, wasChunked: boolean): void {
    const idleMs = Math.min(this.#settings.idleMs, (serverIdleMs ?? Infinity) - 1000)
    const { key } = connection.origin
    const kept = this.#idle.get(key) ?? []
    const isDistrusted = wasChunked && (this.#distrusted.get(key) ?? 0) > performance.now()
    if (this.#closed || isDistrusted || idleMs <= 0 || kept.length >= this.#settings.idlePerOrigin)
      return connection.close()
    const idle = new Idle(connection, { restMs: wasChunked ? restMs : 0, idleMs }, this.#dropClosed)
    connection.user = idle
    kept.push(idle)
    this.#idle.set(key, kept)
    this.#sweep ??= setTimeout(this.#dropExpired, this.#settings.idleMs).unref()
  }

  /** Lets all idle connections go, now and from now on. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#sweep)
    for (const kept of this.#idle.values()) for (const { connection } of kept) connection.close()
    this.#idle.clear()
  }

  readonly #dropClosed = (idle: Idle): void => {
    const now = performance.now()
    if (now - idle.since < soonMs) this.#distrusted.set(idle.connection.origin.key, now + distrustMs)
    this.#drop(idle)
  }

  #drop(idle: Idle): void {
    const { origin } = idle.connection
    const rest = (this.#idle.get(origin.key) ?? []).filter((other) => other !== idle)
    if (rest.length > 0) this.#idle.set(origin.key, rest)
    else this.#idle.delete(origin.key)
    idle.connection.close()
  }

  readonly #dropExpired = (): void => {
    const now = performance.now()
    for (const kept of this.#idle.values()) {
      for (const idle of kept.filter(({ until }) => until <= now)) this.#drop(idle)
    }
    for (const [key, until] of this.#distrusted) if (until <= now) this.#distrusted.delete(key)
    this.#sweep =
      this.#idle.size > 0 ? setTimeout(this.#dropExpired, this.#settings.idleMs / 2).unref() : undefined
  }
}
