/**
 * What Gemini wants back unchanged, carried by clients that know nothing of it. The signature of a call, and the id that
 * the API gave it, travel in the id that the client sees: every dialect brings that back. Other parts' signatures travel
 * as the signature of a thought, named by what they were on.
 */
export interface SealedCall {
  readonly id?: string
  readonly signature?: string
}

export const callMark = 'gemini_'

/** The id that a client sees, of letters that every dialect takes; `made` where there is nothing to carry. */
export function callId(made: string, { id, signature }: SealedCall): string {
  if (!id && !signature) return made
  const sealed = { ...(id ? { id } : { made }), ...(signature && { signature }) }
  return callMark + Buffer.from(JSON.stringify(sealed)).toString('base64url')
}

/** What `callId` carried; nothing in an id that is not Gemini’s. */
export function openCallId(id: string): SealedCall {
  if (!id.startsWith(callMark)) return {}
  try {
    const sealed: unknown = JSON.parse(Buffer.from(id.slice(callMark.length), 'base64url').toString())
    if (typeof sealed !== 'object' || sealed === null) return {}
    const { id: known, signature } = sealed as Record<string, unknown>
    return {
      ...(typeof known === 'string' && { id: known }),
      ...(typeof signature === 'string' && { signature }),
    }
  } catch {
    return {}
  }
}

/** What a signature was on: a thought, a text, or a part that had nothing else. */
export type Signed = 'thought' | 'text' | 'bare'

export const sealPart = (on: Signed, signature: string): string => `gemini.${on}.${signature}`

const sealedPart = /^gemini\.(thought|text|bare)\.(.+)$/s

/** Undefined for the proof of another vendor. */
export function openPart(seal: string | undefined): { on: Signed; signature: string } | undefined {
  const [, on, signature] = sealedPart.exec(seal ?? '') ?? []
  return signature === undefined ? undefined : { on: on as Signed, signature }
}

/** Stands where a signature must and none is: what the API takes for calls that it did not make itself. */
export const noSignature = 'skip_thought_signature_validator'
