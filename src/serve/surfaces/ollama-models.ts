import type { Capability, ModelFacts } from '../../core/model-facts.ts'
import type { ModelListing } from './models.ts'

/** Of the version whose interface this is: clients ask whether a server is new enough for what they want. */
export const ollamaVersion = '0.30.0'

/** Ollama's full name: what has no tag has the tag `latest`. Its clients look a model up by that. */
const fullName = (name: string): string => (name.includes(':') ? name : `${name}:latest`)

const isoTime = (seconds: number): string => new Date(seconds * 1000).toISOString()

const detailsOf = ({ architecture = '', parameters, quantization = '' }: ModelFacts) => ({
  parent_model: '',
  // Only its files say their architecture in these words.
  format: architecture === '' ? '' : 'gguf',
  family: architecture,
  families: architecture === '' ? [] : [architecture],
  parameter_size: parameters === undefined ? '' : weightsText(parameters),
  quantization_level: quantization,
})

/** `134.52M`, `8.0B`, as Ollama writes it. */
function weightsText(weights: number): string {
  for (const [unit, letter, digits] of units) {
    if (weights < unit) continue
    const figure = weights / unit
    return `${Number.isInteger(figure) ? figure : figure.toFixed(digits)}${letter}`
  }
  return String(weights)
}

const units = [
  [1e9, 'B', 1],
  [1e6, 'M', 2],
  [1e3, 'K', 0],
] as const

/** Who is only good for vectors; a model that also talks is not listed under this word. */
const capabilityNames: readonly (readonly [Capability, string])[] = [
  ['complete', 'completion'],
  ['chat', 'completion'],
  ['tools', 'tools'],
  ['insert', 'insert'],
  ['vision', 'vision'],
  ['audio', 'audio'],
  ['thinking', 'thinking'],
]

/** What nobody knows of a model is taken for the least that there is: it completes. */
function capabilitiesOf({ capabilities = ['chat'] }: ModelFacts): readonly string[] {
  const names = capabilityNames.filter(([word]) => capabilities.includes(word)).map(([, name]) => name)
  if (names.includes('completion') || !capabilities.includes('embed')) return [...new Set(names)]
  return ['embedding', ...names]
}

/** As the program prints it: without its kind; of a model whose weights nobody has here, none. */
const digestOf = ({ digest }: ModelFacts): string => digest?.replace(/^sha256:/, '') ?? '0'.repeat(64)

function entryOf({ name, facts = {} }: ModelListing) {
  return {
    name,
    model: fullName(name),
    size: facts.sizeBytes ?? 0,
    digest: digestOf(facts),
    details: detailsOf(facts),
  }
}

/** `GET /api/tags`. */
export const renderTags = (rows: readonly ModelListing[]) => ({
  models: rows.map((row) => ({
    ...entryOf(row),
    modified_at: isoTime(row.created),
    capabilities: capabilitiesOf(row.facts ?? {}),
  })),
})

/** A model that is in memory now. */
export interface LoadedModel extends ModelListing {
  /** When it is unloaded if nobody asks for it, milliseconds since the epoch. */
  readonly expiresAt: number
  /** Of it on an accelerator. */
  readonly vramBytes: number
}

/** `GET /api/ps`. */
export const renderLoaded = (rows: readonly LoadedModel[]) => ({
  models: rows.map((row) => ({
    ...entryOf(row),
    expires_at: new Date(row.expiresAt).toISOString(),
    size_vram: row.vramBytes,
    context_length: contextOf(row) ?? 0,
  })),
})

const contextOf = ({ context, facts = {} }: ModelListing): number | undefined =>
  facts.context ?? context ?? facts.trainedContext

/** `POST /api/show`. The context is what one call may use here, whatever the model was trained for. */
export function renderShow(row: ModelListing) {
  const { name, created, facts = {} } = row
  const architecture = facts.architecture ?? 'unknown'
  const context = contextOf(row)
  const info: Record<string, string | number> = {
    'general.architecture': architecture,
    'general.basename': name,
  }
  const numbers = {
    'general.parameter_count': facts.parameters,
    [`${architecture}.context_length`]: context,
    [`${architecture}.embedding_length`]: facts.dimensions,
  }
  for (const [key, value] of Object.entries(numbers)) if (value !== undefined) info[key] = value
  return {
    modelfile: `FROM ${name}\n`,
    parameters: context === undefined ? '' : `num_ctx ${context}`,
    template: facts.template ?? '',
    details: detailsOf(facts),
    model_info: info,
    capabilities: capabilitiesOf(facts),
    modified_at: isoTime(created),
  }
}
