import type { Identity } from '../core/guard.ts'
import type { Surface } from '../core/surface.ts'

/** A request for something beside a call to a model: a list, what is known of a model, a stored answer. */
export interface Asked {
  readonly request: Request
  /** Whose key it carries. */
  readonly identity: Identity
  /** A part of the path, decoded; empty where it is missing. */
  readonly param: (name: string) => string
  /** The body within the server's limits of size and time. */
  readonly body: () => Promise<Uint8Array>
}

/** One such path. What `answer` throws is refused in the dialect of `error`. */
export interface Page {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** As Hono writes it: `/v1/models/:id{.+}`. */
  readonly path: string
  readonly error: Surface['error']
  answer(asked: Asked): Response | Promise<Response>
}
