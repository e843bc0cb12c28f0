import type { Outgoing, Target } from '../../core/backend.ts'
import type { ModelFacts } from '../../core/model-facts.ts'
import type { Preset } from './presets.ts'
import type { Reading } from './reading.ts'

/** OpenAI's two interfaces for a chat. */
export const apis = ['chat', 'responses'] as const
export type Api = (typeof apis)[number]

/** An OpenAI-speaking server as one call finds it: what it is, and under which names and paths. */
export interface Server {
  readonly preset: Preset
  /** `stream`: always asked to stream; `same`: as the client asked. */
  readonly ask: 'stream' | 'same'
  /** The interface that its row asks for; left out: the client's own where the server has it, else chat. */
  readonly api: Api | undefined
  /** The target, with its model by the name that goes out. */
  readonly target: Target
  /** What is known of the model. */
  readonly facts: ModelFacts | undefined
  /** It may fetch addresses that clients name: a vendor from its own network, an engine where its row lets it. */
  readonly mayFetch: boolean
  /** A path under the interface (`/chat/completions`), as a path under the root. */
  readonly under: (path: string) => string
}

/** What the adapter must remember of what it asked: how the answer is read. */
export interface Asked extends Outgoing {
  readonly reading: () => Reading
}

type Headers = Outgoing['headers']

/** The same objects for every call: what is joined to them is remembered by them. */
const known = new WeakMap<Preset, { readonly stream: Headers; readonly whole: Headers }>()

export function headersFor(preset: Preset, stream: boolean): Headers {
  let both = known.get(preset)
  if (both === undefined) {
    const of = (accept: string): Headers => ({
      'content-type': 'application/json',
      accept,
      ...preset.headers,
    })
    known.set(preset, (both = { stream: of('text/event-stream'), whole: of('application/json') }))
  }
  return stream ? both.stream : both.whole
}
