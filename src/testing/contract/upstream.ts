import type { Received, Script } from '../fake-model.ts'
import type { Said } from './cases.ts'

/** What an upstream was asked, as far as the cases look at it. */
export interface Asked {
  readonly system: string
  /** Who said what, tool calls and results as `name(arguments)` and `name → result`. */
  readonly turns: readonly string[]
  readonly tools: readonly string[]
  readonly toolChoice: 'required' | undefined
  readonly images: readonly string[]
  readonly schema: unknown
  readonly thinks: boolean
  readonly stop: readonly string[]
  readonly maxTokens: number | undefined
}

/** A backend's upstream: scripted in the shapes that its vendor documents. */
export interface ContractUpstream {
  /** How the table calls it: its `kind`, with what sets it apart. */
  readonly id: string
  /** The `kind` of its row. */
  readonly backend: string
  /** The row of `backends` beside `kind` and `place`, as YAML flow. */
  row(url: string): string
  /** It does not say how many tokens it read from a cache. */
  readonly hidesCached?: true
  /** The answer; as a stream when the request asks for one. */
  answer(said: Said, request: Received): Script
  /** The vendor's own error. */
  failure(): Script
  /** Chunks of a stream that begins with `said` and then fails, in the vendor's own way. */
  breaking(said: Said, request: Received): Script
  asked(request: Received): Asked
  /** Requests that are no call to a model (what a model can do, health). */
  aside?(request: Received): Script | undefined
}

/** The pieces of a script's body, cut into so many bytes each. */
export function splitEvery(script: Script, size: number): Script {
  const bytes = Buffer.concat((script.chunks ?? []).map((chunk) => Buffer.from(chunk as Uint8Array)))
  const chunks: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
  const isStream = (script.chunks?.length ?? 0) > 1
  return {
    ...script,
    chunks,
    headers: { 'content-type': isStream ? 'text/event-stream' : 'application/json', ...script.headers },
  }
}

export const callText = (name: string, input: unknown): string =>
  `${name}(${JSON.stringify(typeof input === 'string' ? JSON.parse(input) : input)})`
