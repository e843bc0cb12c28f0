import { isObject } from '../../core/is-object.ts'
import type { Dialect } from '../../core/operation.ts'
import { ownSeal } from '../../core/own-seal.ts'
import type { Part } from '../../core/request.ts'

/** A thought that must come back unchanged on the next turn: with its proof of origin, or in a form that only its maker reads. */
export type Thought =
  | { readonly text: string; readonly signature: string }
  | { readonly dialect: Dialect; readonly value: unknown }

/** A thought as `encrypted_content`: a client without state carries it to the next turn. It hides nothing, it only packs. */
export const seal = (thought: Thought): string =>
  ownSeal + Buffer.from(JSON.stringify(thought)).toString('base64url')

/** What `seal` packed; undefined for what another server sealed. */
export function unseal(content: string): Part | undefined {
  if (!content.startsWith(ownSeal)) return undefined
  try {
    const thought: unknown = JSON.parse(Buffer.from(content.slice(ownSeal.length), 'base64url').toString())
    if (!isObject(thought)) return undefined
    const { text, signature, dialect, value } = thought
    if (typeof text === 'string' && typeof signature === 'string')
      return { type: 'reasoning', text, signature }
    return typeof dialect === 'string' ? { type: 'opaque', dialect: dialect as Dialect, value } : undefined
  } catch {
    return undefined
  }
}
