import { Failure } from '../core/failure.ts'
import type { ByteView } from './bytes.ts'
import type { ModelFacts } from './facts.ts'
import { fileTypes, tensorTypes } from './gguf-types.ts'

// The format: ggml/docs/gguf.md of ggml-org/ggml. The limits are ours: far above any model seen, far below harm.
const limits = {
  keys: 4096,
  keyBytes: 65_535,
  stringBytes: 16 << 20,
  tensors: 1 << 17,
  tensorNameBytes: 256,
  dimensions: 4,
  /** Items of all arrays together; vocabularies of 262,144 tokens take about 1.5 million. */
  items: 16 << 20,
  headerBytes: 512 << 20,
  alignment: 1 << 20,
} as const

const scalarBytes = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8] as const
const stringType = 8
const arrayType = 9

/** Strings, numbers and booleans; of an array only its length, for none that we need is long. */
type Value = string | number | boolean | { readonly items: number }

/** The header of a GGUF file. Throws `Failure('model_unsafe')` for anything that does not hold together. */
export const parseGguf = (view: ByteView): ModelFacts => {
  const reader = new Reader(view)
  if (reader.take(4).toString('latin1') !== 'GGUF') throw unsafe('it is not a GGUF file')
  const version = reader.u32()
  if (version !== 2 && version !== 3) throw unsafe(`version ${version} is not one we read`)
  const tensorCount = reader.count(limits.tensors, 'tensors')
  const keyCount = reader.count(limits.keys, 'keys')
  const metadata = readMetadata(reader, keyCount)
  const tensors = Array.from({ length: tensorCount }, () => readTensor(reader))
  const alignment = readAlignment(metadata.get('general.alignment'))
  const dataStart = Math.ceil(reader.offset / alignment) * alignment
  checkLayout(tensors, alignment, view.size - dataStart)
  return facts(metadata, tensors, dataStart)
}

const unsafe = (why: string): Failure => new Failure('model_unsafe', `The GGUF header is not sound: ${why}.`)

class Reader {
  readonly #view: ByteView
  offset = 0
  #items = 0

  constructor(view: ByteView) {
    this.#view = view
  }

  take(bytes: number): Buffer {
    const taken = this.#view.at(this.offset, bytes)
    this.skip(bytes)
    return taken
  }

  skip(bytes: number): void {
    if (this.offset + bytes > Math.min(limits.headerBytes, this.#view.size)) throw unsafe('it is cut off')
    this.offset += bytes
  }

  u32(): number {
    return this.take(4).readUInt32LE(0)
  }

  u64(): number {
    const value = this.take(8).readBigUInt64LE(0)
    if (value > Number.MAX_SAFE_INTEGER) throw unsafe('a number is too large')
    return Number(value)
  }

  count(most: number, what: string): number {
    const value = this.u64()
    if (value > most) throw unsafe(`${value} ${what}`)
    return value
  }

  text(most: number): string {
    return this.take(this.count(most, 'bytes of text')).toString('utf8')
  }

  items(): number {
    const items = this.count(limits.items, 'items')
    this.#items += items
    if (this.#items > limits.items) throw unsafe('its lists are too long')
    return items
  }
}

const readMetadata = (reader: Reader, count: number): Map<string, Value> => {
  const metadata = new Map<string, Value>()
  for (let index = 0; index < count; index++) {
    const key = reader.text(limits.keyBytes)
    if (metadata.has(key)) throw unsafe(`the key ${JSON.stringify(key.slice(0, 80))} is in it twice`)
    metadata.set(key, readValue(reader, reader.u32()))
  }
  return metadata
}

const readValue = (reader: Reader, type: number): Value => {
  if (type === stringType) return reader.text(limits.stringBytes)
  if (type === arrayType) return skipArray(reader)
  const bytes = sizeOf(type)
  const raw = reader.take(bytes)
  if (type === 0) return raw.readUInt8(0)
  if (type === 1) return raw.readInt8(0)
  if (type === 2) return raw.readUInt16LE(0)
  if (type === 3) return raw.readInt16LE(0)
  if (type === 4) return raw.readUInt32LE(0)
  if (type === 5) return raw.readInt32LE(0)
  if (type === 6) return raw.readFloatLE(0)
  if (type === 7) return raw.readUInt8(0) !== 0
  if (type === 10) return Number(raw.readBigUInt64LE(0))
  if (type === 11) return Number(raw.readBigInt64LE(0))
  return raw.readDoubleLE(0)
}

const sizeOf = (type: number): number => {
  const bytes = scalarBytes[type] ?? 0
  if (bytes === 0) throw unsafe(`there is no value type ${type}`)
  return bytes
}

/** Lists of lists are in the format but in no model; they are refused. */
const skipArray = (reader: Reader): Value => {
  const type = reader.u32()
  const items = reader.items()
  if (type === stringType) {
    for (let index = 0; index < items; index++) reader.skip(reader.count(limits.stringBytes, 'bytes of text'))
  } else reader.skip(items * sizeOf(type))
  return { items }
}

interface Tensor {
  readonly name: string
  readonly type: string
  readonly weights: number
  readonly bytes: number
  /** From the start of the data. */
  readonly offset: number
}

const readTensor = (reader: Reader): Tensor => {
  const name = reader.text(limits.tensorNameBytes)
  const dimensions = reader.u32()
  if (dimensions > limits.dimensions) throw unsafe(`a tensor has ${dimensions} dimensions`)
  const shape = Array.from({ length: dimensions }, () => reader.u64())
  const weights = shape.reduce((product, size) => product * size, 1)
  const type = tensorTypes.get(reader.u32())
  if (type === undefined) throw unsafe('a tensor has an unknown type')
  const [typeName, blockWeights, blockBytes] = type
  const row = shape[0] ?? 1
  if (weights < 1 || !Number.isSafeInteger(weights) || row % blockWeights !== 0) {
    throw unsafe('a tensor has an impossible shape')
  }
  return { name, type: typeName, weights, bytes: (weights / blockWeights) * blockBytes, offset: reader.u64() }
}

const readAlignment = (value: Value | undefined): number => {
  const alignment = value ?? 32
  const sound =
    typeof alignment === 'number' &&
    alignment >= 8 &&
    alignment <= limits.alignment &&
    Number.isInteger(Math.log2(alignment))
  if (!sound) throw unsafe('its alignment is impossible')
  return alignment
}

/** Every tensor aligned, inside the file, and none on another. */
const checkLayout = (tensors: readonly Tensor[], alignment: number, dataBytes: number): void => {
  let free = 0
  const names = new Set<string>()
  for (const tensor of tensors.toSorted((a, b) => a.offset - b.offset)) {
    if (names.has(tensor.name)) throw unsafe('a tensor is in it twice')
    names.add(tensor.name)
    if (tensor.offset % alignment !== 0 || tensor.offset < free) throw unsafe('its tensors overlap')
    free = tensor.offset + tensor.bytes
    if (!(free <= dataBytes)) throw unsafe('its tensors reach beyond the end of the file')
  }
}

const facts = (
  metadata: ReadonlyMap<string, Value>,
  tensors: readonly Tensor[],
  headerBytes: number,
): ModelFacts => {
  const text = (key: string) => {
    const value = metadata.get(key)
    return typeof value === 'string' ? value : undefined
  }
  const number = (key: string) => {
    const value = metadata.get(key)
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
  }
  const architecture = text('general.architecture')
  const chatTemplate = text('tokenizer.chat_template') || undefined
  // Newer and older files call the token before the gap differently.
  const fillsIn = ['fim_pre', 'prefix'].some((name) => metadata.has(`tokenizer.ggml.${name}_token_id`))
  const parts = number('split.count')
  return withoutUndefined({
    format: 'gguf',
    architecture,
    name: text('general.name'),
    parameters: tensors.reduce((sum, tensor) => sum + tensor.weights, 0),
    quantisation: fileTypes.get(number('general.file_type') ?? -1) ?? mostCommonType(tensors),
    contextLength: number(`${architecture}.context_length`),
    embeddingLength: number(`${architecture}.embedding_length`),
    layers: number(`${architecture}.block_count`),
    tokenizer: text('tokenizer.ggml.model'),
    hasChatTemplate: chatTemplate !== undefined,
    chatTemplate,
    fillsIn: fillsIn || undefined,
    onlyEmbeds: metadata.has(`${architecture}.pooling_type`) || undefined,
    tensors: tensors.length,
    headerBytes,
    parts: parts !== undefined && parts > 1 ? parts : undefined,
  })
}

/** The type that holds most bytes. */
const mostCommonType = (tensors: readonly Tensor[]): string => {
  const bytes = new Map<string, number>()
  for (const { type, bytes: size } of tensors) bytes.set(type, (bytes.get(type) ?? 0) + size)
  return [...bytes].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? 'none'
}

type Loose = { readonly [K in keyof ModelFacts]: ModelFacts[K] | undefined }

const withoutUndefined = (loose: Loose): ModelFacts =>
  Object.fromEntries(
    Object.entries(loose).filter(([, value]) => value !== undefined),
  ) as unknown as ModelFacts
