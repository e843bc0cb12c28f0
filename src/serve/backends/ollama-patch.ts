import type { Behaviour, Target } from '../../core/backend.ts'
import { isObject } from '../../core/is-object.ts'
import type { ModelFacts } from '../../core/model-facts.ts'
import type { Operation } from '../../core/operation.ts'
import type { Work } from '../../core/turns.ts'
import type { Draft } from './draft.ts'
import { mergeStop, samplingFields } from './openai-patch.ts'
import { beforeText, systemSplice } from './system-text.ts'

type Options = Readonly<Record<string, unknown>>

export interface Patching {
  readonly operation: Operation
  readonly target: Target
  readonly facts: ModelFacts
  readonly stream: boolean
  /** Of the backend's row. */
  readonly keepAlive: string | number | undefined
}

/** Writes into a body of Ollama's what this target needs, and nothing else. */
export function patchOllama(draft: Draft, { operation, target, facts, stream, keepAlive }: Patching): void {
  const { options: extraOptions, ...extra } = target.behaviour.extra ?? {}
  if (draft.get('model') !== target.model) draft.set('model', target.model)
  for (const [field, value] of Object.entries(extra)) draft.setDefault(field, value)
  draft.setDefault('keep_alive', keepAlive)
  // Ollama would cut what is too long and say nothing: what a client does not ask for is an error.
  draft.setDefault('truncate', false)
  if (operation !== 'embed') {
    draft.setDefault('shift', false)
    // Where nobody says so it streams.
    if ((draft.get('stream') ?? true) !== stream) draft.set('stream', stream)
  }
  new OptionsPatch(draft).apply(operation, target.behaviour, optionsIn(extraOptions), facts)
}

/** `options`, a name at a time: what else a client says there stays as it came. */
class OptionsPatch {
  readonly #draft: Draft
  readonly #said: Options

  constructor(draft: Draft) {
    this.#draft = draft
    this.#said = optionsIn(draft.get('options'))
  }

  apply(operation: Operation, behaviour: Behaviour, extra: Options, facts: ModelFacts): void {
    const context = behaviour.context === 0 ? facts.trainedContext : behaviour.context
    const load: Options = { ...extra, ...(context !== undefined && { num_ctx: context }) }
    if (behaviour.context !== undefined) this.#pin(load)
    for (const [name, value] of Object.entries(load)) this.#default(name, value)
    if (operation === 'embed') return
    const { defaults = {} } = behaviour
    for (const [word, name] of samplingFields) this.#default(name, defaults[word])
    this.#put('stop', mergeStop(this.#said['stop'] ?? defaults.stop, behaviour.stop))
    this.#default('stop', defaults.stop)
    this.#cap(behaviour)
  }

  /** Another value of these loads the model anew, for everybody: a row that says its context says them all. */
  #pin(load: Options): void {
    for (const name of loading) {
      const said = this.#said[name] ?? undefined
      if (said === undefined || said === load[name]) continue
      this.#draft.setIn('options', name, load[name])
      this.#draft.warnings.push(`options.${name}`)
    }
  }

  /** The lower of what the client and the row say; what is no positive number means no limit here. */
  #cap({ defaults, limits }: Behaviour): void {
    const said = this.#said['num_predict']
    const asked = typeof said === 'number' && said >= 1 ? said : undefined
    const cap = Math.min(asked ?? defaults?.maxOutputTokens ?? Infinity, limits?.maxOutputTokens ?? Infinity)
    if (cap !== Infinity && cap !== said) this.#put('num_predict', cap)
  }

  #default(name: string, value: unknown): void {
    if ((this.#said[name] ?? undefined) === undefined) this.#put(name, value)
  }

  #put(name: string, value: unknown): void {
    if (value !== undefined) this.#draft.setIn('options', name, value)
  }
}

const optionsIn = (value: unknown): Options => (isObject(value) ? value : {})

const loading = [
  'num_ctx',
  'num_batch',
  'num_gpu',
  'main_gpu',
  'use_mmap',
  'num_thread',
  'draft_num_predict',
] as const

/** The row's own system text, before the client's; a raw prompt has no place for it. */
export function* putOllamaSystem(draft: Draft, operation: Operation, text: string): Work<void> {
  if (operation === 'complete') {
    draft.warnings.push('system')
    return
  }
  yield* draft.body.locating()
  if (draft.body.has('messages')) {
    const splice = yield* systemSplice(draft.body, text)
    if (splice === undefined) draft.warnings.push('system')
    else draft.splice(splice)
    return
  }
  // `generate` has a field for it.
  const span = draft.body.span('system')
  const splice = span && beforeText(draft.body.bytes, span.start, text)
  if (splice === undefined || draft.get('system') === '') draft.set('system', text)
  else draft.splice(splice)
}
