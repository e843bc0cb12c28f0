import type { ImagePart, Message, Part } from '../../core/request.ts'
import type { Work } from '../../core/turns.ts'
import { inputOf } from './anthropic-body.ts'
import { noSignature, openCallId, openPart } from './gemini-seal.ts'
import type { GeminiTraits } from './gemini-traits.ts'
import { unsupported } from './quirks.ts'

export type Json = Record<string, unknown>

/** Fields that cannot be said: named to the client. */
export type Warnings = Set<string>

interface Turn {
  readonly role: 'user' | 'model'
  readonly results: Json[]
  readonly others: Json[]
}

/** Neighbours of one role are one turn; in it the results of calls come first. System text has a place of its own. */
export function* geminiContents(
  messages: readonly Message[],
  traits: GeminiTraits,
  warnings: Warnings,
): Work<Json[]> {
  const turns: Turn[] = []
  const names = new Map<string, string>()
  for (const message of messages) {
    if (message.role === 'system') continue
    const role = message.role === 'user' ? 'user' : 'model'
    const said: Turn = { role, results: [], others: [] }
    for (const part of message.parts) {
      yield
      yield* addPart(part, said, names, warnings)
    }
    const last = turns.at(-1)
    if (last?.role === role) {
      for (const result of said.results) last.results.push(result)
      for (const other of said.others) last.others.push(other)
    } else if (said.results.length + said.others.length > 0) turns.push(said)
  }
  return turns.map(({ role, results, others }) => ({
    role,
    parts: [...results, ...(traits.checksSignatures ? signed(others) : others)],
  }))
}

function* addPart(part: Part, turn: Turn, names: Map<string, string>, warnings: Warnings): Work<void> {
  switch (part.type) {
    case 'text':
      if (part.text !== '') turn.others.push({ text: part.text })
      return
    case 'image':
      turn.others.push(imageOf(part, warnings))
      return
    case 'reasoning':
      addThought(part, turn.others, warnings)
      return
    case 'tool-call': {
      names.set(part.id, part.name)
      const { id, signature } = openCallId(part.id)
      const functionCall = { id, name: part.name, args: yield* inputOf(part.input) }
      turn.others.push({ functionCall, thoughtSignature: signature })
      return
    }
    case 'tool-result': {
      const text = part.parts.map((inner) => (inner.type === 'text' ? inner.text : '')).join('')
      const response = part.isError === true ? { error: text } : { output: text }
      const { id } = openCallId(part.id)
      // What was never called here has no other name.
      turn.results.push({ functionResponse: { id, name: names.get(part.id) ?? part.id, response } })
      // What else a tool showed follows in the user's turn: not every model looks into results for it.
      for (const inner of part.parts) {
        if (inner.type !== 'text') yield* addPart(inner, turn, names, warnings)
      }
      return
    }
    case 'opaque':
      throw untranslatable()
  }
}

/** A thought goes back with its own signature, a text's signature to the text before it; others' thoughts mean nothing here. */
function addThought(
  { text, signature: seal }: Part & { readonly type: 'reasoning' },
  others: Json[],
  warnings: Warnings,
): void {
  const sealed = openPart(seal)
  if (sealed === undefined) {
    warnings.add('reasoning')
    return
  }
  const { on, signature: thoughtSignature } = sealed
  const isThought = on === 'thought'
  if (text !== '' || isThought) {
    others.push({ text, thought: true, ...(isThought && { thoughtSignature }) })
  }
  if (isThought) return
  const last = others.at(-1)
  const isOnLast =
    on === 'text' && typeof last?.['text'] === 'string' && last['thoughtSignature'] === undefined
  if (isOnLast && last['thought'] !== true) last['thoughtSignature'] = thoughtSignature
  else others.push({ text: '', thoughtSignature })
}

/** The first call of an answer has a signature, or says that it was not made here. */
function signed(parts: readonly Json[]): readonly Json[] {
  const first = parts.find((part) => part['functionCall'] !== undefined)
  if (first !== undefined) first['thoughtSignature'] ??= noSignature
  return parts
}

/** The API fetches addresses itself. */
function imageOf({ source, detail = 'auto' }: ImagePart, warnings: Warnings): Json {
  if (detail !== 'auto') warnings.add('messages[].content[].image_url.detail')
  if ('url' in source) return { fileData: { fileUri: source.url, mimeType: typeOf(source.url) } }
  return { inlineData: { mimeType: source.mediaType, data: source.data } }
}

/** By the name in an address; undefined lets the API find out. */
function typeOf(url: string): string | undefined {
  const [, ending = ''] = /\.(\w+)(?:[?#]|$)/.exec(url) ?? []
  return mediaTypes[ending.toLowerCase()]
}

const mediaTypes: Readonly<Record<string, string | undefined>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  heic: 'image/heic',
  heif: 'image/heif',
}

/** System texts, the row's own first. */
export function systemInstruction(messages: readonly Message[], own: string | undefined): Json | undefined {
  const parts: Json[] = own === undefined ? [] : [{ text: own }]
  for (const { role, parts: said } of messages) {
    if (role !== 'system') continue
    for (const part of said) {
      if (part.type !== 'text') throw untranslatable()
      if (part.text !== '') parts.push({ text: part.text })
    }
  }
  return parts.length === 0 ? undefined : { parts }
}

const untranslatable = () =>
  unsupported('messages', 'A part of a message cannot be said in this backend’s dialect.')
