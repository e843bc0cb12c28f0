import type { ModelEvent } from '../../core/event.ts'
import { Failure } from '../../core/failure.ts'
import { isObject } from '../../core/is-object.ts'
import { JsonText } from '../../core/json.ts'
import type { Work } from '../../core/turns.ts'
import type { Draft } from './draft.ts'
import type { Reading } from './reading.ts'

/** A call that must come; its name where only one function may be called. */
export interface ForcedCall {
  readonly name: string | undefined
}

type JsonObject = Readonly<Record<string, unknown>>

interface RawFunction {
  readonly name: string
  readonly parameters: JsonObject | undefined
}

/** Values that are looked at before the work may be laid down. */
const stepValues = 256

/**
 * For engines that do not keep to `tool_choice`: llama-server takes no function by name, lets a model talk before a
 * required call until its limit, and shows no tools at all where the chat template has none. What it does keep to is a
 * schema: the answer is bound to the call's arguments, or to a choice of calls, and read back as a call. Throws
 * `Failure('bad_request')` with `param`.
 */
export function* forceCall(draft: Draft): Work<ForcedCall | undefined> {
  const choice = draft.get('tool_choice')
  if (choice === undefined || choice === 'auto' || choice === 'none') return undefined
  const named = (choice as { function?: { name?: unknown } | null }).function?.name
  yield* draft.body.decoding()
  const allowed =
    choice === 'required' || named !== undefined ? yield* functionsOf(draft.get('tools') ?? [], named) : []
  if (named !== undefined && allowed.length === 0) {
    const message = '`tool_choice` names a function that is not in `tools`.'
    throw new Failure('bad_request', { message, param: 'tool_choice' })
  }
  const [only] = allowed
  if (only === undefined) {
    draft.warnings.push('tool_choice')
    return undefined
  }
  const schema = allowed.length === 1 ? yield* argumentsOf(only, '#') : yield* oneOf(allowed)
  const format = { type: 'json_schema', json_schema: { name: 'call', schema } }
  draft.set('response_format', yield* JsonText.printed(format))
  // The template still shows the tools.
  draft.set('tool_choice', 'none')
  return { name: allowed.length === 1 ? only.name : undefined }
}

/** The functions among the tools; where one is named, those of that name. All are checked. */
function* functionsOf(tools: unknown, named: unknown): Work<RawFunction[]> {
  if (!Array.isArray(tools)) throw malformed('`tools` must be a list.')
  const functions: RawFunction[] = []
  for (const [at, tool] of (tools as readonly unknown[]).entries()) {
    if (at % stepValues === stepValues - 1) yield
    if (!isObject(tool)) throw malformed(`\`tools[${at}]\` must be an object.`)
    // A tool of another type.
    if (tool['function'] === undefined) continue
    if (!isObject(tool['function'])) throw malformed(`\`tools[${at}].function\` must be an object.`)
    const { name, parameters = null } = tool['function']
    if (typeof name !== 'string') throw malformed(`\`tools[${at}].function.name\` must be a text.`)
    if (parameters !== null && !isObject(parameters)) {
      throw malformed(`\`tools[${at}].function.parameters\` must be an object.`)
    }
    if (named === undefined || name === named) functions.push({ name, parameters: parameters ?? undefined })
  }
  return functions
}

const malformed = (message: string): Failure => new Failure('bad_request', { message, param: 'tools' })

/** `{"name": …, "arguments": …}` of one of these. Each schema moves under `$defs`, and what it refers to moves with it. */
function* oneOf(functions: readonly RawFunction[]): Work<JsonObject> {
  const anyOf: JsonObject[] = []
  const $defs: Record<string, JsonObject> = {}
  for (const [at, about] of functions.entries()) {
    const $ref = `#/$defs/f${at}`
    anyOf.push({
      type: 'object',
      properties: { name: { const: about.name }, arguments: { $ref } },
      required: ['name', 'arguments'],
      additionalProperties: false,
    })
    $defs[`f${at}`] = yield* argumentsOf(about, $ref)
    yield
  }
  return { anyOf, $defs }
}

/** The schema of a function's arguments, to stand at `to`. A function that names no parameters has none. */
function* argumentsOf({ parameters }: RawFunction, to: string): Work<JsonObject> {
  if (parameters === undefined) return { type: 'object', properties: {}, additionalProperties: false }
  const made = emptyObject()
  made['type'] = 'object'
  yield* move(parameters, made, to)
  return made
}

/** Copies a schema into `into`; what it refers to in itself is found under `to`. Without recursion: it may be deep. */
function* move(schema: object, into: object, to: string): Work<void> {
  let values = 0
  const open: [object, object][] = [[schema, into]]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [from, copy] = next as [Record<string, unknown>, Record<string, unknown>]
    for (const key in from) {
      const value = from[key]
      if (typeof value === 'object' && value !== null) {
        const inner = Array.isArray(value) ? [] : emptyObject()
        copy[key] = inner
        open.push([value, inner])
      } else {
        copy[key] =
          key === '$ref' && typeof value === 'string' && value[0] === '#' ? to + value.slice(1) : value
      }
      if (++values % stepValues === 0) yield
    }
  }
}

/** Without a prototype `__proto__` is a key like any other. */
const emptyObject = (): Record<string, unknown> => Object.create(null) as Record<string, unknown>

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
