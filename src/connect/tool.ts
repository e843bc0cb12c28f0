import type { Capability } from '../core/model-facts.ts'
import type { FormatId, Json } from './formats/format.ts'

/** A model as tools need to know it. What nobody says is left out. */
export interface ServedModel {
  readonly name: string
  /** Tokens, prompt and answer together. */
  readonly context?: number
  /** Tokens. */
  readonly maxOutput?: number
  readonly capabilities?: readonly Capability[]
}

/** What a tool is pointed at. */
export interface Connection {
  /** Without `/v1`. */
  readonly url: string
  /** The tool's own. */
  readonly key: string
  /** A file, mode 600, in which this key stands, for tools that can read one. */
  readonly keyFile: string
  /** The one that is asked unless the user picks another. */
  readonly model: ServedModel
  readonly models: readonly ServedModel[]
}

/** Where tools keep their files on this machine. */
export interface Places {
  /** Of the user. */
  readonly home: string
  readonly platform: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly exists: (path: string) => boolean
}

/** One value in a file of settings. */
export interface Setting {
  readonly path: readonly string[]
  readonly value: Json
  /** It becomes one more element of the list at `path`. */
  readonly isItem?: true
  /** What stands there already is kept. */
  readonly isDefault?: true
}

export interface FileSettings {
  readonly path: string
  readonly format: FormatId
  readonly settings: readonly Setting[]
}

/** How a tool is started without a file changed. Its arguments go before the user's. */
export interface Launch {
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Settings of this start alone: a file of ours, mode 600, that the flag names and that goes when it ends. */
  readonly settings?: { readonly flag: string; readonly text: string }
}

/** A program that people use models with. Everything here is data or pure. */
export interface Tool {
  readonly id: string
  readonly title: string
  /** Its maker's page on the settings that we make. */
  readonly docs: string
  /** How it is got. */
  readonly install: string
  /** Programs on the PATH that show that it is installed. */
  readonly programs: readonly string[]
  /** Folders that show it, too. */
  readonly folders: (places: Places) => readonly string[]
  /** Tokens below which it cannot finish a turn: its own instructions and tools, and some room. */
  readonly leastContext: number
  /** What is written; a tool without it is set up by hand. */
  readonly files?: (connection: Connection, places: Places) => readonly FileSettings[]
  /** What a person does: all of it, or what is left when the files are written. */
  readonly steps: (connection: Connection) => readonly string[]
  readonly launch?: (connection: Connection) => Launch
}
