import type { Part } from '../../core/request.ts'

type Reasoning = Extract<Part, { readonly type: 'reasoning' }>

/**
 * OpenAI seals what a model thought: `encrypted_content` of a reasoning item, which has an id of its own. Both travel
 * through clients of every dialect as the thought's signature, `rs_….` before the seal, so that no other vendor's is sent here.
 */
export const sealOf = (id: string, encrypted: string): string =>
  `${id.startsWith(prefix) ? id : prefix + id}.${encrypted}`

const prefix = 'rs_'
const sealed = /^(rs_[^.]*)\.(.+)$/s

export const isSealed = ({ signature = '' }: Reasoning): boolean => sealed.test(signature)

/** The item as it was given to us. */
export function reasoningItem({ text, signature = '' }: Reasoning): Record<string, unknown> {
  const [, id, encrypted] = sealed.exec(signature) ?? []
  const summary = text === '' ? [] : [{ type: 'summary_text', text }]
  return { type: 'reasoning', id, summary, encrypted_content: encrypted }
}
