import { JsonText } from '../../core/json.ts'
import type { Splice } from '../../core/json.ts'

/**
 * Puts text before the system text of `messages` without printing the messages again: into the first message if that
 * is a system message (many templates take only one, and only at the front), else as a message of its own.
 */
export function systemSplice(body: JsonText, text: string): Splice | undefined {
  const span = body.span('messages')
  if (span === undefined || body.bytes[span.start] !== openBracket) return undefined
  const first = skipSpace(body.bytes, span.start + 1)
  if (body.bytes[first] !== openBrace) return insert(first, systemMessage(text))
  const message = JsonText.parse(body.bytes.subarray(first, endOfObject(body.bytes, first)))
  const role = message.get('role')
  const content = message.span('content')
  if ((role !== 'system' && role !== 'developer') || content === undefined) {
    return insert(first, `${systemMessage(text)},`)
  }
  return beforeText(body.bytes, first + content.start, text) ?? insert(first, `${systemMessage(text)},`)
}

/** Puts text before a value that is a string or a list of parts; undefined for anything else. */
export function beforeText(bytes: Uint8Array, start: number, text: string): Splice | undefined {
  if (bytes[start] === quote) return insert(start + 1, JSON.stringify(`${text}\n\n`).slice(1, -1))
  if (bytes[start] !== openBracket) return undefined
  const part = JSON.stringify({ type: 'text', text })
  return insert(start + 1, bytes[skipSpace(bytes, start + 1)] === closeBracket ? part : `${part},`)
}

const insert = (at: number, text: string): Splice => ({ start: at, end: at, text })

const systemMessage = (content: string): string => JSON.stringify({ role: 'system', content })

/** `bytes` are known to be JSON. */
function endOfObject(bytes: Uint8Array, start: number): number {
  let depth = 0
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === quote) at = endOfString(bytes, at)
    else if (byte === openBrace) depth++
    else if (byte === closeBrace && --depth === 0) return at + 1
  }
  return bytes.length
}

/** The closing quote of the string that opens at `start`. */
function endOfString(bytes: Uint8Array, start: number): number {
  let at = start + 1
  while (at < bytes.length && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1
  return at
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from
  while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at++
  return at
}

const quote = 0x22
const backslash = 0x5c
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d
