import type { Capability, ModelFacts } from '../../core/model-facts.ts'

interface Shown {
  readonly capabilities?: unknown
  readonly details?: { readonly family?: unknown; readonly quantization_level?: unknown } | null
  readonly model_info?: Readonly<Record<string, unknown>> | null
  /** As a Modelfile has them: a name and a value a line. */
  readonly parameters?: unknown
  readonly template?: unknown
  readonly remote_host?: unknown
  readonly remote_model?: unknown
}

/** What `POST /api/show` says of a model. What it does not say, or not as Ollama does, is left out. */
export function ollamaFacts(json: unknown): ModelFacts {
  const shown: Shown = typeof json === 'object' && json !== null ? json : {}
  const info = shown.model_info ?? {}
  const architecture = text(info['general.architecture']) ?? text(shown.details?.family)
  const facts = {
    capabilities: capabilitiesIn(shown.capabilities),
    context: contextIn(shown.parameters),
    trainedContext: count(info[`${architecture}.context_length`]),
    architecture,
    parameters: count(info['general.parameter_count']),
    quantization: text(shown.details?.quantization_level),
    template: text(shown.template),
    dimensions: count(info[`${architecture}.embedding_length`]),
    remoteHost: text(shown.remote_host) ?? (text(shown.remote_model) && 'ollama.com'),
  }
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined))
}

const words: Readonly<Record<string, readonly Capability[] | undefined>> = {
  completion: ['chat', 'complete'],
  embedding: ['embed'],
  tools: ['tools'],
  vision: ['vision'],
  audio: ['audio'],
  thinking: ['thinking'],
  insert: ['insert'],
}

const capabilitiesIn = (said: unknown): readonly Capability[] | undefined =>
  Array.isArray(said) ? said.flatMap((word) => words[String(word)] ?? []) : undefined

function contextIn(parameters: unknown): number | undefined {
  const [, tokens] = /^num_ctx\s+(\d+)\s*$/m.exec(text(parameters) ?? '') ?? []
  return count(Number(tokens))
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined

const count = (value: unknown): number | undefined =>
  Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : undefined
