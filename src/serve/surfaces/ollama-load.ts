import type { JsonText } from '../../core/json.ts'
import type { Dialect } from '../../core/operation.ts'
import type { ModelRequest } from '../../core/request.ts'

/** A body that asks nothing is small: larger ones need not be looked at. */
export const largestLoad = 8 * 1024

/** Where a dialect has its question, and what an answer to none looks like. */
const dialects: Partial<Record<Dialect, { readonly question: string; readonly answer: object }>> = {
  'ollama-chat': { question: 'messages', answer: { message: { role: 'assistant', content: '' } } },
  'ollama-generate': { question: 'prompt', answer: { response: '' } },
  'ollama-embed': { question: 'input', answer: { embeddings: [] } },
  'ollama-embeddings': { question: 'prompt', answer: { embedding: [] } },
}

export type LoadWish = 'load' | 'unload'

/**
 * A call without a question is Ollama's way to load a model, or with `keep_alive: 0` to let go of it. Undefined where
 * the model is asked something.
 */
export function loadWish({ dialect, body }: ModelRequest): LoadWish | undefined {
  const key = dialects[dialect]?.question
  if (key === undefined || !isNothing(body, key) || !isNothing(body, 'images')) return undefined
  const keepAlive = body.get('keep_alive')
  const isOver = typeof keepAlive === 'string' ? /^0+[a-zµ]*$/.test(keepAlive) : keepAlive === 0
  return isOver ? 'unload' : 'load'
}

const isNothing = (body: JsonText, key: string): boolean => {
  const value = body.get(key) ?? ''
  return value === '' || (Array.isArray(value) && value.length === 0)
}

/** `at`: milliseconds since the epoch. */
export function loadAnswer({ dialect, model }: ModelRequest, wish: LoadWish, at: number): object {
  const answer = dialects[dialect]?.answer
  if (dialect === 'ollama-embeddings') return { ...answer }
  if (dialect === 'ollama-embed') return { model, ...answer }
  return { model, created_at: new Date(at).toISOString(), ...answer, done: true, done_reason: wish }
}
