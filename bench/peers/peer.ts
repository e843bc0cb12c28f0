import type { Ask } from '../ask.ts'
import type { Child } from '../child.ts'
import type { Upstream } from '../upstreams/upstream.ts'

/** A gateway that can be measured. */
export interface Peer {
  readonly name: string
  /** Installs it where that is needed, starts it in front of these upstreams, and waits until it takes requests. */
  start(upstreams: readonly Upstream[]): Promise<Gateway>
}

/** A gateway that runs. */
export interface Gateway {
  readonly name: string
  readonly version: string
  /** What is switched on. */
  readonly settings: string
  readonly child: Child
  /** What answers without a model, if anything does. */
  readonly health?: string
  /** A chat request in OpenAI's dialect that this upstream answers; undefined: this gateway cannot speak to it. */
  ask(upstream: Upstream): Ask | undefined
}
