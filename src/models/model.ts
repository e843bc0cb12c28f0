import type { Watch } from '../install/progress.ts'
import type { ModelFacts } from './facts.ts'
import type { ModelState } from './record.ts'
import type { Role, Trust } from './sources/source.ts'

export interface ModelFile {
  readonly name: string
  readonly role: Role
  readonly path: string
  readonly sha256: string
  readonly bytes: number
}

export interface Model {
  readonly source: string
  /** What an engine is given: the file, the first of several parts, or (safetensors) the folder. */
  readonly path: string
  /** sha256 of the model file; of a model in several files, over their digests and names. */
  readonly digest: string
  /** Of all files. */
  readonly bytes: number
  readonly revision?: string
  readonly trust: Trust
  readonly state: ModelState
  readonly facts: ModelFacts
  readonly files: readonly ModelFile[]
  /** Text that came along: Ollama's `template`, `system`, `params`. */
  readonly notes: Readonly<Record<string, string>>
  /** Milliseconds since the Unix epoch. */
  readonly pulledAt: number
}

export interface Models {
  list(): Promise<readonly Model[]>
  /**
   * From the disk, without a network. A file whose size or time changed is verified again. Throws `Failure`
   * model_missing, digest_mismatch, model_unsafe (not approved), source_unknown.
   */
  resolve(source: string): Promise<Model>
  /** Brings and verifies what is not here yet; a killed pull is taken up. Throws `Failure`; nothing unverified stays. */
  pull(source: string, watch?: Watch): Promise<Model>
  /** Takes the name away, and each blob that no other name uses. Files that stood elsewhere stay. */
  remove(source: string): Promise<void>
}
