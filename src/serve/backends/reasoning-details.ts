import type { ModelEvent } from '../../core/event.ts'
import type { Part } from '../../core/request.ts'

/** OpenRouter's `reasoning_details`: thoughts of many vendors, with what each wants back unchanged. */
export interface RawThought {
  readonly type?: string
  readonly text?: string | null
  readonly signature?: string | null
}

/** What goes beyond the text of a thought: its signature, or a thought that is sealed. */
export function signedIn(details: readonly RawThought[]): (ModelEvent & { choice?: number })[] {
  return details.flatMap((detail): (ModelEvent & { choice?: number })[] => {
    if (detail.type === 'reasoning.encrypted') {
      return [{ type: 'opaque', dialect: 'openai-chat', value: detail }]
    }
    return detail.signature ? [{ type: 'reasoning', text: '', signature: detail.signature }] : []
  })
}

/** Earlier thoughts as they go back. What was not signed is nobody's proof, and stays away. */
export const reasoningDetails = (parts: readonly Part[]): unknown[] =>
  parts.flatMap((part): unknown[] => {
    if (part.type === 'reasoning' && part.signature !== undefined) {
      return [{ type: 'reasoning.text', text: part.text, signature: part.signature }]
    }
    return detailOf(part) ?? []
  })

/** A sealed thought, as it was given to us. */
export function detailOf(part: Part): unknown[] | undefined {
  if (part.type !== 'opaque' || part.dialect !== 'openai-chat') return undefined
  const { type } = (part.value ?? {}) as RawThought
  return type === 'reasoning.encrypted' ? [part.value] : undefined
}
