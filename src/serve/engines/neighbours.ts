import { askLocal, type LocalAnswer } from './local.ts'

export const neighbourKinds = ['ollama', 'lm-studio', 'llama-server', 'vllm', 'openai-compatible'] as const
export type NeighbourKind = (typeof neighbourKinds)[number]

/** An engine of somebody else's that already answers on this machine. */
export interface Neighbour {
  readonly kind: NeighbourKind
  /** Base URL as a config row wants it: with `/v1`. */
  readonly url: string
  readonly version: string | undefined
  /** Models it lists; empty where it wants a key. */
  readonly models: readonly string[]
}

/** Ollama, LM Studio, llama-server (new and old default), vLLM. */
const usualPorts = [11434, 1234, 9931, 8080, 8000]
const timeoutMs = 800

/** Asks the usual ports of this machine, all at once, without running a model. Never throws. */
export const findNeighbours = async (ports: readonly number[] = usualPorts): Promise<Neighbour[]> => {
  const found = await Promise.all(ports.map((port) => identify(`http://127.0.0.1:${port}`)))
  return found.filter((neighbour) => neighbour !== undefined)
}

type Ask = (path: string) => Promise<Answer | undefined>

interface Answer extends LocalAnswer {
  readonly json: Readonly<Record<string, unknown>> | undefined
}

/** Programs that play another one's API are asked about first: their own marks are there, the played ones too. */
const identify = async (root: string): Promise<Neighbour | undefined> => {
  const ask: Ask = (path) => askLocal(root + path, { timeoutMs }).then(withJson, () => undefined)
  const listing = await ask('/v1/models')
  if (listing === undefined) return undefined
  for (const [kind, recognise] of marks) {
    const version = await recognise(ask, listing)
    if (version !== undefined)
      return { kind, url: `${root}/v1`, version: version.text, models: names(listing) }
  }
  return undefined
}

/** Undefined: it is another program. Else its version, where it says one. */
type Recognise = (ask: Ask, listing: Answer) => Promise<{ readonly text: string | undefined } | undefined>

const marks: readonly (readonly [NeighbourKind, Recognise])[] = [
  [
    'lm-studio',
    async (ask) => ((await ask('/api/v0/models'))?.json?.['data'] ? { text: undefined } : undefined),
  ],
  [
    'llama-server',
    async (ask) => {
      const props = await ask('/props')
      const known = props?.json?.['build_info'] ?? props?.json?.['total_slots']
      const closed = props?.status === 401 && props.text.includes('authentication_error')
      return known !== undefined || closed ? { text: string(props?.json?.['build_info']) } : undefined
    },
  ],
  [
    'vllm',
    async (ask, listing) =>
      listing.text.includes('"owned_by":"vllm"')
        ? { text: string((await ask('/version'))?.json?.['version']) }
        : undefined,
  ],
  [
    'ollama',
    async (ask) => {
      const greeting = await ask('/')
      if (greeting?.text !== 'Ollama is running') return undefined
      return { text: string((await ask('/api/version'))?.json?.['version']) }
    },
  ],
  [
    'openai-compatible',
    (_, listing) => Promise.resolve(Array.isArray(listing.json?.['data']) ? { text: undefined } : undefined),
  ],
]

const withJson = (answer: LocalAnswer): Answer => ({ ...answer, json: parsed(answer.text) })

const parsed = (text: string): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

const names = ({ json }: Answer): string[] => {
  const data = json?.['data']
  if (!Array.isArray(data)) return []
  return data.flatMap((model: { id?: unknown } | null) => (typeof model?.id === 'string' ? [model.id] : []))
}

const string = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
