import { gzipSync } from 'node:zlib'

import type { FailureCode } from '../core/failure.ts'
import type { Said } from './contract/cases.ts'
import type { ContractUpstream } from './contract/upstream.ts'
import type { Received, Script } from './fake-model.ts'

/** What a good upstream says. */
export const said: Said = {
  pieces: [{ text: 'Hello' }, { text: ' there' }, { text: '.' }],
  finish: 'stop',
  usage: { input: 7, cached: 0, output: 3 },
}
/** More than this is too much for a whole answer. */
export const maxAnswerBytes = 100_000
/** All of what is said, once. */
export const all = /^Hello there\.$/

/** How a call ends: answered all the same, or with this code in the client's dialect and in the ledger. */
type End = FailureCode | 'done'
/** By the id of an upstream, where its dialect makes the difference. */
export type Varied<T> = T | ByUpstream<T>
type ByUpstream<T> = Readonly<Record<string, T>> & { readonly others: T }

interface Lie {
  /** An upstream … */
  readonly about: string
  /** What a good one would say, made a lie. */
  readonly tell: (good: Script, request: Received, upstream: ContractUpstream) => Script
  /** Asked for a stream, asked for the whole. */
  readonly stream: Varied<End>
  readonly whole: Varied<End>
  /** Found out by waiting: told to a backend that does not wait long. */
  readonly isSlow?: true
  /** What is heard where it is answered; left out: `all`. */
  readonly text?: Varied<RegExp>
}

export const lies: readonly Lie[] = [
  {
    about: 'says that its stream is whole, or its whole answer a stream',
    tell: (good) => ({
      ...good,
      headers: { 'content-type': isStream(good) ? 'application/json' : 'text/event-stream' },
    }),
    stream: 'upstream_invalid',
    // Lines are streamed as `application/x-ndjson` only.
    whole: { ollama: 'done', others: 'upstream_cut' },
  },
  {
    about: 'says that it sends a page',
    tell: (good) => ({ ...good, headers: { 'content-type': 'text/html' } }),
    stream: { ollama: 'done', others: 'upstream_invalid' },
    whole: 'done',
  },
  {
    about: 'breaks off in the middle of its JSON, and ends well',
    tell: (good) => each(good, (text, at) => (at === 0 ? text : text.replace(/.{12}(?=\s*$)/, ''))),
    stream: 'upstream_invalid',
    whole: 'upstream_invalid',
  },
  {
    about: 'finishes twice',
    tell: (good) => ({
      ...good,
      chunks: chunksOf(good).flatMap((chunk) =>
        isFinish(chunk) && isStream(good) ? [chunk, chunk] : [chunk],
      ),
    }),
    stream: 'done',
    whole: 'done',
  },
  {
    about: 'goes on after its end',
    tell: (good) => ({
      ...good,
      chunks: isStream(good)
        ? [...chunksOf(good), ...chunksOf(good)]
        : [`${chunksOf(good)[0]}${chunksOf(good)[0]}`],
    }),
    stream: 'done',
    whole: 'upstream_invalid',
    // It has no word for the end.
    text: { gemini: /^(Hello there\.){2}$/, others: all },
  },
  {
    about: 'sends a line of 10 MB',
    tell: (good) => once(good, 'Hello', 'Hello'.repeat(2_000_000)),
    stream: 'upstream_invalid',
    whole: 'upstream_too_large',
  },
  {
    about: 'never answers',
    isSlow: true,
    tell: () => ({ instead: 'silence' }),
    stream: 'first_event_timeout',
    whole: 'first_event_timeout',
  },
  {
    about: 'falls silent after its head, or in the middle of its stream',
    isSlow: true,
    tell: (good) => ({
      ...good,
      chunks: isStream(good) ? chunksOf(good).slice(0, 4) : chunksOf(good),
      until: new Promise(() => undefined),
    }),
    stream: 'stalled',
    whole: 'first_event_timeout',
  },
  {
    about: 'has ended, and does not hang up',
    isSlow: true,
    tell: (good) =>
      isStream(good)
        ? { ...good, chunks: [...chunksOf(good), ': and\n\n'], until: new Promise(() => undefined) }
        : good,
    stream: { gemini: 'stalled', others: 'done' },
    whole: 'done',
  },
  {
    about: 'packs its answer with gzip, unasked',
    tell: (good) => packed(good, gzipSync(bytesOf(good))),
    stream: 'done',
    whole: 'done',
  },
  {
    about: 'says gzip and sends none',
    tell: (good) => packed(good, bytesOf(good)),
    stream: 'upstream_invalid',
    whole: 'upstream_invalid',
  },
  {
    about: 'sends half of its gzip',
    tell: (good) => packed(good, gzipSync(bytesOf(good)).subarray(0, -20)),
    stream: 'upstream_invalid',
    whole: 'upstream_invalid',
  },
  {
    about: 'speaks HTTP/1.0, and ends by closing',
    tell: (good) => ({ raw: old(good, bytesOf(good)) }),
    stream: 'done',
    whole: 'done',
  },
  {
    about: 'speaks HTTP/1.0, and closes too early',
    tell: (good) => ({ raw: old(good, bytesOf(good).subarray(0, bytesOf(good).length / 2)) }),
    stream: { ollama: 'upstream_invalid', others: 'upstream_cut' },
    whole: 'upstream_invalid',
  },
  {
    about: 'speaks HTTP/1.0, and closes in the middle of its last message',
    tell: (good) => ({ raw: old(good, bytesOf(good).subarray(0, -8)) }),
    // Theirs says what it finished for.
    stream: {
      ollama: 'upstream_invalid',
      gemini: 'upstream_cut',
      'openai (responses)': 'upstream_cut',
      others: 'done',
    },
    whole: 'upstream_invalid',
  },
  {
    about: 'sends its callers elsewhere',
    tell: (_, { path }) => ({ status: 307, headers: { location: path }, chunks: [''] }),
    stream: 'upstream_invalid',
    whole: 'upstream_invalid',
  },
  {
    about: 'sends nothing, and says that this is all',
    tell: (good) => ({ ...good, headers: typeOf(good), chunks: [''] }),
    stream: 'upstream_cut',
    whole: 'upstream_invalid',
  },
  {
    about: 'sends a page for an answer',
    tell: () => ({ headers: { 'content-type': 'text/html' }, chunks: ['<html><body>Welcome</body></html>'] }),
    stream: 'upstream_invalid',
    whole: 'upstream_invalid',
  },
  {
    about: 'sends a page for its error',
    tell: () => ({
      status: 502,
      headers: { 'content-type': 'text/html' },
      chunks: ['<html><body>Bad gateway</body></html>'],
    }),
    stream: 'upstream_failed',
    whole: 'upstream_failed',
  },
  {
    about: 'speaks of something else',
    tell: (good) => each(good, (text) => text.replace(/\{.*\}/s, '{"weather":"sunny"}')),
    // Where events have names, those that nobody knows are let by.
    stream: { anthropic: 'upstream_cut', 'openai (responses)': 'upstream_cut', others: 'upstream_invalid' },
    whole: 'upstream_invalid',
  },
  {
    about: 'sends a stream for the whole, and the whole for a stream',
    tell: (_, request, upstream) => upstream.answer(said, theOther(request)),
    stream: 'done',
    whole: 'done',
  },
  {
    about: 'sends bytes that are no UTF-8',
    tell: (good) => ({
      ...good,
      headers: typeOf(good),
      chunks: chunksOf(good).map((chunk) => Buffer.from(chunk.replace('Hello', 'He\u00ff'), 'latin1')),
    }),
    stream: 'done',
    whole: 'done',
    text: /^He\ufffd there\.$/,
  },
  {
    about: 'streams without end, asked for the whole',
    tell: (good, request, upstream) =>
      each(isStream(good) ? good : upstream.answer(said, theOther(request)), (text) =>
        text.includes(' there') && isPiece(text) ? text.repeat(1_500) : text,
      ),
    stream: 'done',
    whole: 'upstream_too_large',
    text: /^Hello( there)+\.$/,
  },
  {
    about: 'closes before it has sent what it said',
    tell: (good) => ({ ...good, cutAfter: Math.floor(bytesOf(good).length / 2) }),
    stream: 'upstream_cut',
    whole: 'upstream_cut',
  },
]

const isStream = ({ chunks = [] }: Script): boolean => chunks.length > 1
const chunksOf = ({ chunks = [] }: Script): string[] => chunks.map(String)
const bytesOf = (script: Script): Buffer => Buffer.from(chunksOf(script).join(''))
const typeOf = (script: Script): Record<string, string> => ({
  'content-type': isStream(script) ? 'text/event-stream' : 'application/json',
  ...script.headers,
})
const each = (script: Script, change: (text: string, at: number) => string): Script => ({
  ...script,
  chunks: chunksOf(script).map((chunk, at) => change(chunk, isStream(script) ? at : 1)),
})
const once = (script: Script, from: string, to: string): Script => {
  const at = chunksOf(script).findIndex((chunk) => chunk.includes(from))
  return { ...script, chunks: chunksOf(script).with(at, (chunksOf(script)[at] ?? '').replace(from, to)) }
}
const isFinish = (chunk: string): boolean =>
  /"finish_reason":"stop"|"message_delta"|"response.completed"|"done":true|"finishReason"/.test(chunk)
const isPiece = (chunk: string): boolean => !/\.done"|completed|"finish_reason":"/.test(chunk)
const packed = (good: Script, bytes: Buffer): Script => ({
  chunks: isStream(good) ? [bytes.subarray(0, 20), bytes.subarray(20)] : [bytes],
  headers: { ...typeOf(good), 'content-encoding': 'gzip' },
})
const old = (good: Script, body: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from(`HTTP/1.0 200 OK\r\ncontent-type: ${typeOf(good)['content-type']}\r\n\r\n`),
    body,
  ])

/** The same request, for a stream where it was for the whole. */
function theOther(request: Received): Received {
  const body = request.json()
  const isGemini = request.path.includes(':')
  return {
    ...request,
    path: !isGemini
      ? request.path
      : request.path.includes(':stream')
        ? request.path.replace(/:.*/, ':generateContent')
        : request.path.replace(/:.*/, ':streamGenerateContent?alt=sse'),
    json: () => ({ ...body, stream: body['stream'] !== true }),
  }
}
