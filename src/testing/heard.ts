import Anthropic from '@anthropic-ai/sdk'
import { OpenAI } from 'openai'

/** What a client makes of an answer: it came to its end, or an error that its library understands. */
export type HeardAnswer =
  | { readonly kind: 'answer'; readonly form: 'whole' | 'stream' }
  | {
      readonly kind: 'error'
      readonly form: 'whole' | 'stream'
      /** Undefined where the dialect has no place for it. */
      readonly code: string | undefined
      readonly message: string
    }

/** How clients of a family of surfaces read; each throws where its vendor's client would not understand. */
interface Ear {
  /** What is known of an error's body, or of an error in a stream; undefined where it is none. */
  error(value: JsonObject, status: number): { code: string | undefined; message: string } | undefined
  /** The pieces of a stream, without its terminator. */
  pieces(text: string): readonly unknown[]
  /** It closes a stream. */
  isLast(value: JsonObject): boolean
}

type JsonObject = Readonly<Record<string, unknown>>

/** Reads an answer of a surface to its end. Throws on what clients of its dialect cannot read. */
export async function hear(surface: string, response: Response): Promise<HeardAnswer> {
  const ear = earOf(surface)
  const text = await response.text()
  const type = response.headers.get('content-type') ?? ''
  if (response.status !== 200) {
    must(response.status >= 400 && type.startsWith('application/json'), `${response.status} ${type}`)
    const error = ear.error(objectIn(text), response.status)
    if (error === undefined) throw new Error(`no error of ${surface}: ${text}`)
    return { kind: 'error', form: 'whole', ...error }
  }
  if (type.startsWith('application/json')) {
    must(ear.error(objectIn(text), 500) === undefined, 'an error under 200')
    return { kind: 'answer', form: 'whole' }
  }
  const pieces = ear.pieces(text).map(objectOf)
  for (const piece of pieces) {
    const error = ear.error(piece, 500)
    if (error === undefined) continue
    must(piece === pieces.at(-1), 'a stream goes on after its error')
    return { kind: 'error', form: 'stream', ...error }
  }
  const last = pieces.at(-1)
  must(last !== undefined && ear.isLast(last), `a stream without its end: ${text.slice(-300)}`)
  must(pieces.filter((piece) => ear.isLast(piece)).length === 1, 'a stream that ends twice')
  return { kind: 'answer', form: 'stream' }
}

const sse = (text: string): readonly unknown[] =>
  text
    .split('\n\n')
    .flatMap((message) => message.split('\n').filter((line) => line.startsWith('data: ')))
    .map((line) => line.slice('data: '.length))
    .filter((data) => data !== '[DONE]')
    .map((data) => JSON.parse(data) as unknown)

const openAi: Ear = {
  error({ error }, status) {
    if (error === undefined || error === null) return undefined
    const { type, param } = objectOf(error)
    must(typeof type === 'string' && (param === null || typeof param === 'string'), JSON.stringify(error))
    const thrown = OpenAI.APIError.generate(status, { error }, undefined, new Headers())
    must(typeof thrown.code === 'string' && thrown.code !== '', JSON.stringify(error))
    const { message } = objectOf(error)
    must(typeof message === 'string' && thrown.message.endsWith(message), thrown.message)
    return { code: thrown.code ?? undefined, message: thrown.message }
  },
  pieces: (text) => {
    const isOver = text.endsWith('data: [DONE]\n\n')
    const pieces = sse(text)
    return isOver ? [...pieces, { done: true }] : pieces
  },
  isLast: ({ done }) => done === true,
}

/** Its streams say how a response ended. */
const responses: Ear = {
  error(value, status) {
    if (value['type'] === 'response.failed') {
      const { error } = objectOf(value['response'])
      const { code, message } = objectOf(error)
      must(typeof code === 'string' && typeof message === 'string', JSON.stringify(error))
      return { code: String(code), message: String(message) }
    }
    // A response that did not fail has `error: null`.
    return value['object'] === 'response' ? undefined : openAi.error(value, status)
  },
  pieces: sse,
  isLast: ({ type }) => type === 'response.completed' || type === 'response.incomplete',
}

const anthropic: Ear = {
  error(value, status) {
    if (value['type'] !== 'error') return undefined
    const { type, message, details } = objectOf(value['error'])
    const thrown = Anthropic.APIError.generate(status, value, undefined, new Headers())
    must(typeof message === 'string' && thrown.message.includes(JSON.stringify(message)), thrown.message)
    must(typeof type === 'string' && typeof value['request_id'] === 'string', JSON.stringify(value))
    // An upstream's own error goes through as it came.
    const code = details === undefined ? undefined : objectOf(details)['error_code']
    return { code: typeof code === 'string' ? code : undefined, message: thrown.message }
  },
  pieces: sse,
  isLast: ({ type }) => type === 'message_stop',
}

/** Its client throws the text. */
const ollama: Ear = {
  error({ error }) {
    if (error === undefined) return undefined
    if (typeof error !== 'string' || error === '') throw new Error(JSON.stringify(error))
    return { code: undefined, message: error }
  },
  pieces: (text) =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown),
  isLast: ({ done }) => done === true,
}

/** llama.cpp's last piece says that it is. */
const infill: Ear = { ...openAi, pieces: sse, isLast: ({ stop }) => stop === true }

function earOf(surface: string): Ear {
  if (surface === 'openai-responses') return responses
  if (surface === 'infill') return infill
  if (surface.startsWith('anthropic')) return anthropic
  return surface.startsWith('ollama') ? ollama : openAi
}

function objectOf(value: unknown): JsonObject {
  must(
    typeof value === 'object' && value !== null && !Array.isArray(value),
    `no object: ${JSON.stringify(value)}`,
  )
  return value as JsonObject
}

const objectIn = (text: string): JsonObject => objectOf(JSON.parse(text))

function must(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(what)
}
