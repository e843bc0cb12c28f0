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
  readonly until: number
  readonly #drop: (idle: Idle) => void

  constructor(connection: Connection, until: number, drop: (idle: Idle) => void) {
    this.connection = connection
    this.until = until
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

/** Idle connections by origin; the most recently used is taken first, so that the others age and close. */
export class Pool {
  readonly #settings: PoolSettings
  readonly #idle = new Map<string, Idle[]>()
  #sweep: ReturnType<typeof setTimeout> | undefined
  #closed = false

  constructor(settings: PoolSettings) {
    this.#settings = settings
  }

  /** A kept connection, now the user's own; undefined when there is none. */
  take(origin: Origin, user: ConnectionUser): Connection | undefined {
    const kept = this.#idle.get(origin.key)
    for (let idle = kept?.pop(); idle !== undefined; idle = kept?.pop()) {
      if (idle.until > performance.now()) {
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
  keep(connection: Connection, serverIdleMs: number | undefined): void {
    const idleMs = Math.min(this.#settings.idleMs, (serverIdleMs ?? Infinity) - 1000)
    const { key } = connection.origin
    const kept = this.#idle.get(key) ?? []
    if (this.#closed || idleMs <= 0 || kept.length >= this.#settings.idlePerOrigin) return connection.close()
    const idle = new Idle(connection, performance.now() + idleMs, this.#drop)
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

  readonly #drop = (idle: Idle): void => {
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
    this.#sweep =
      this.#idle.size > 0 ? setTimeout(this.#dropExpired, this.#settings.idleMs / 2).unref() : undefined
  }
}
