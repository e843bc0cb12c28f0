import { Failure } from '../../core/failure.ts'
import type { Watch } from '../../install/progress.ts'

/** Where the world stands for the sources; tests put a fake one here. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>
}

/** `hf:owner/repo:Q4_K_M#sha256=…` in its parts. */
export interface Reference {
  /** As written, without spaces around it. */
  readonly text: string
  /** Behind the scheme, without the digest. */
  readonly rest: string
  readonly sha256?: string
}

export const roles = ['model', 'projector', 'adapter', 'sidecar'] as const
export type Role = (typeof roles)[number]

/** A file that a source can bring. */
export interface Offer {
  /** Relative path among its siblings: `model-00001-of-00002.gguf`. */
  readonly name: string
  readonly role: Role
  readonly bytes?: number
  /** What the source says it must be; else it is recorded at first use. */
  readonly sha256?: string
  /** It stands on this machine already, and is used where it is. */
  readonly path?: string
  /** Writes it to `to`, in the folder that this pull keeps between attempts. Returns the sha256 where it was computed. */
  fetch(to: string, watch: Watch): Promise<string | undefined>
}

/** Who vouches for the digest: the config or our own table, the source, or nobody before the first use. */
export const trusts = ['pinned', 'published', 'recorded'] as const
export type Trust = (typeof trusts)[number]

export interface Offers {
  /** Commit, version or manifest digest: what the name meant when it was pulled. */
  readonly revision?: string
  readonly trust: Trust
  readonly files: readonly Offer[]
  /** Text that came with the model (Ollama's template, system, params), for whoever configures it. */
  readonly notes?: Readonly<Record<string, string>>
}

/** One way to come by a model. One file each; the registry is `index.ts`. */
export interface ModelSource {
  readonly scheme: string
  /** For the help and the docs. */
  readonly example: string
  /** What stands behind the reference now. Throws `Failure`; may ask the network, writes nothing. */
  find(reference: Reference, world: World, watch: Watch): Promise<Offers>
}

export const notUnderstood = (reference: Reference, why: string): Failure =>
  new Failure('source_unknown', { message: `${reference.text}: ${why}`, param: 'source' })
