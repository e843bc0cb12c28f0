import type { ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import type { Work } from '../../core/turns.ts'
import type { Draft } from './draft.ts'
import type { Reading } from './reading.ts'

/** A call that must come; its name where only one function may be called. */
export interface ForcedCall {
  readonly name: string | undefined
}

interface RawFunction {
  readonly name: string
  readonly parameters?: Readonly<Record<string, unknown>>
}

interface RawTool {
  readonly function?: RawFunction
}

/**
 * For engines that do not keep to `tool_choice`: llama-server takes no function by name, lets a model talk before a
 * required call until its limit, and shows no tools at all where the chat template has none. What it does keep to is a
 * schema: the answer is bound to the call's arguments, or to a choice of calls, and read back as a call.
 */
export function* forceCall(draft: Draft): Work<ForcedCall | undefined> {
  const choice = draft.get('tool_choice')
  if (choice === undefined || choice === 'auto' || choice === 'none') return undefined
  yield* draft.body.decoding()
  const tools = (draft.get('tools') ?? []) as readonly RawTool[]
  const functions = tools.flatMap(({ function: about }) => (about === undefined ? [] : [about]))
  const named = (choice as RawTool).function?.name
  const allowed = named === undefined ? functions : functions.filter(({ name }) => name === named)
  if (named !== undefined && allowed.length === 0) {
    const message = '`tool_choice` names a function that is not in `tools`.'
    throw new Failure('bad_request', { message, param: 'tool_choice' })
  }
  const [only] = allowed
  if (only === undefined || (choice !== 'required' && named === undefined)) {
    draft.warnings.push('tool_choice')
    return undefined
  }
  const schema = allowed.length === 1 ? argumentsOf(only) : oneOf(allowed)
  draft.set('response_format', { type: 'json_schema', json_schema: { name: 'call', schema } })
  // The template still shows the tools.
  draft.set('tool_choice', 'none')
  return { name: allowed.length === 1 ? only.name : undefined }
}

/** A function that names no parameters has none. */
const argumentsOf = ({ parameters }: RawFunction): Readonly<Record<string, unknown>> => ({
  type: 'object',
  ...(parameters ?? { properties: {}, additionalProperties: false }),
})

/** `{"name": …, "arguments": …}` of one of these. Each schema moves under `$defs`, and what it refers to moves with it. */
const oneOf = (functions: readonly RawFunction[]) => ({
  anyOf: functions.map(({ name }, at) => ({
    type: 'object',
    properties: { name: { const: name }, arguments: { $ref: `#/$defs/f${at}` } },
    required: ['name', 'arguments'],
    additionalProperties: false,
  })),
  $defs: Object.fromEntries(
    functions.map((about, at) => [`f${at}`, moved(argumentsOf(about), `#/$defs/f${at}`)]),
  ),
})

function moved(schema: unknown, to: string): unknown {
  if (Array.isArray(schema)) return schema.map((item) => moved(item, to))
  if (typeof schema !== 'object' || schema === null) return schema
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) =>
      key === '$ref' && typeof value === 'string' && value.startsWith('#')
        ? [key, to + value.slice(1)]
        : [key, moved(value, to)],
    ),
  )
}

/** Reads the text of an answer that is bound to a call as that call. */
export function readingCall(reading: Reading, forced: ForcedCall): Reading {
  const calls = new Map<number, CallText>()
  let answerId = ''
  const read = (event: ModelEvent): readonly ModelEvent[] => {
    if (event.type === 'start') answerId = event.id ?? ''
    if (event.type !== 'text' && event.type !== 'finish') return [event]
    const choice = event.choice ?? 0
    let call = calls.get(choice)
    if (call === undefined) {
      calls.set(choice, (call = new CallText(`call_${answerId}_${choice}_0`, event.choice, forced.name)))
    }
    return event.type === 'text' ? call.read(event.text) : call.end(event)
  }
  return {
    message: (message) => reading.message(message).flatMap(read),
    whole: (body) => reading.whole(body).flatMap(read),
  }
}

/** The call of one choice, from its text in pieces. */
class CallText {
  readonly #id: string
  readonly #choice: { readonly choice?: number }
  readonly #name: string | undefined
  /** What came before the arguments. */
  #head = ''
  #begun = false
  /** Braces of the arguments that are open; none once they are complete. */
  #depth = 0
  #inText = false
  #escaped = false

  constructor(id: string, choice: number | undefined, name: string | undefined) {
    this.#id = id
    this.#choice = choice === undefined ? {} : { choice }
    this.#name = name
  }

  read(text: string): readonly ModelEvent[] {
    if (this.#begun) return this.#input(text)
    this.#head += text
    const found = (this.#name === undefined ? wrapped : bare).exec(this.#head)
    if (found === null) return []
    this.#begun = true
    const name = this.#name ?? (JSON.parse(found[1] ?? '""') as string)
    const begin = { type: 'tool-call', index: 0, id: this.#id, name, ...this.#choice } as const
    this.#depth = 1
    return [begin, ...this.#input(this.#head.slice(found[0].length), '{')]
  }

  /** What was no call after all is told as it came. */
  end(finish: Extract<ModelEvent, { type: 'finish' }>): readonly ModelEvent[] {
    if (this.#begun) return [finish.reason === 'stop' ? { ...finish, reason: 'tool-calls' } : finish]
    return this.#head === '' ? [finish] : [{ type: 'text', text: this.#head, ...this.#choice }, finish]
  }

  #input(text: string, before = ''): readonly ModelEvent[] {
    let at = 0
    for (; at < text.length && this.#depth > 0; at++) this.#see(text[at])
    const json = before + text.slice(0, at)
    return json === '' ? [] : [{ type: 'tool-input', index: 0, json, ...this.#choice }]
  }

  #see(character: string | undefined): void {
    if (this.#escaped) this.#escaped = false
    else if (character === '"') this.#inText = !this.#inText
    else if (this.#inText) this.#escaped = character === '\\'
    else if (character === '{') this.#depth++
    else if (character === '}') this.#depth--
  }
}

/** Up to and with the brace of the arguments; models may put a fence around. */
const bare = /^[^{]*\{/
const wrapped = /^[^{]*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*\{/
