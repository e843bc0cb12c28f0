import type { ModelFacts } from '../../core/model-facts.ts'
import type { Ask } from './ask.ts'

export interface FoundModel {
  readonly name: string
  readonly facts: ModelFacts
}

/** What gives an engine away. */
export interface Mark {
  /** As it writes it. */
  readonly version?: string | undefined
}

/** An engine or a vendor: how it is recognised, and how it tells what it has. One file each. Runs no model. */
export interface Engine {
  /** The kind of backend that speaks its dialect. */
  readonly id: string
  readonly title: string
  /** What stands behind its root in the `url` of a row: `/v1`, or nothing. */
  readonly base: '' | '/v1'
  /** Ports that it takes where nobody says one. */
  readonly ports: readonly number[]
  /** Undefined: it is another program. */
  readonly recognise: (ask: Ask) => Promise<Mark | undefined>
  /** Everything that one listing tells; empty where it wants a key. */
  readonly models: (ask: Ask) => Promise<readonly FoundModel[]>
  /** What it tells of one model alone, where its listing does not. */
  readonly detail?: (ask: Ask, model: string) => Promise<ModelFacts>
  /** It has one model, and answers whatever name it is asked for. */
  readonly takesAnyName?: true
  /** What whoever puts it to use should know. */
  readonly cautions?: (facts: { readonly wantsKey: boolean }) => readonly string[]
}

/** A vendor is known by the name of its host, and asked as its interface wants it. */
export interface Cloud extends Omit<Engine, 'recognise' | 'ports'> {
  readonly hosts: RegExp
  /** Where its interface stands, by the address that was given, without `/v1`. */
  readonly root: (given: string) => string
  readonly keyHeader: (key: string) => Readonly<Record<string, string>>
  /** The variable that its own tools read the key from. */
  readonly keyEnv: string
  /** How the names of its models begin: one row for all of them. */
  readonly wildcard?: string
}
