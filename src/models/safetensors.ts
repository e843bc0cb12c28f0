import { Failure } from '../core/failure.ts'
import { JsonText } from '../core/json.ts'
import type { ByteView } from './bytes.ts'
import type { ModelFacts } from './facts.ts'

// The format: README of huggingface/safetensors. Its own limit of 100 MB for the header is ten times what is seen.
const maxHeaderBytes = 32 << 20
const maxTensors = 1 << 18
const maxDimensions = 16

/** Bits of one weight. */
const types: ReadonlyMap<string, number> = new Map([
  ['BOOL', 8],
  ['U8', 8],
  ['I8', 8],
  ['F8_E5M2', 8],
  ['F8_E4M3', 8],
  ['F8_E8M0', 8],
  ['F4', 4],
  ['F6_E2M3', 6],
  ['F6_E3M2', 6],
  ['U16', 16],
  ['I16', 16],
  ['F16', 16],
  ['BF16', 16],
  ['U32', 32],
  ['I32', 32],
  ['F32', 32],
  ['U64', 64],
  ['I64', 64],
  ['F64', 64],
  ['C64', 64],
])

interface Tensor {
  readonly type: string
  readonly weights: number
  readonly start: number
  readonly end: number
}

/**
 * The header of a safetensors file. Throws `Failure('model_unsafe')` for anything that two readers could read in two
 * ways: a name twice, holes, overlaps, bytes after the last tensor.
 */
export const parseSafetensors = (view: ByteView): ModelFacts => {
  const length = view.at(0, 8).readBigUInt64LE(0)
  if (length > maxHeaderBytes) throw unsafe('its header is too long')
  const headerBytes = 8 + Number(length)
  const header = readHeader(view.at(8, Number(length)))
  const names = Object.keys(header).filter((name) => name !== '__metadata__')
  if (names.length > maxTensors) throw unsafe(`it has ${names.length} tensors`)
  const tensors = names.map((name) => readTensor(header[name]))
  let free = 0
  for (const { start, end } of tensors.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (start !== free) throw unsafe('its tensors overlap or leave holes')
    free = end
  }
  if (headerBytes + free !== view.size) throw unsafe('it does not end where its last tensor does')
  return {
    format: 'safetensors',
    parameters: tensors.reduce((sum, { weights }) => sum + weights, 0),
    quantisation: mostCommonType(tensors),
    hasChatTemplate: false,
    tensors: tensors.length,
    headerBytes,
  }
}

const unsafe = (why: string): Failure =>
  new Failure('model_unsafe', `The safetensors header is not sound: ${why}.`)

const readHeader = (bytes: Uint8Array): Record<string, unknown> => {
  if (bytes[0] !== 0x7b) throw unsafe('it is not JSON')
  try {
    JsonText.parse(bytes)
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, unknown>
  } catch (error) {
    if (error instanceof Failure)
      throw unsafe(error.code === 'duplicate_key' ? 'a name is in it twice' : 'it is not JSON')
    throw error
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

const readTensor = (value: unknown): Tensor => {
  if (typeof value !== 'object' || value === null) throw unsafe('a tensor is not described')
  const { dtype, shape, data_offsets: offsets } = value as Readonly<Record<string, unknown>>
  const bits = typeof dtype === 'string' ? types.get(dtype) : undefined
  if (typeof dtype !== 'string' || bits === undefined) throw unsafe('a tensor has an unknown type')
  if (!Array.isArray(shape) || shape.length > maxDimensions || !shape.every(isCount)) {
    throw unsafe('a tensor has an impossible shape')
  }
  const weights = shape.reduce((product, size) => product * size, 1)
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw unsafe('a tensor has an impossible place')
  }
  const [start = 0, end = 0] = offsets
  if (!Number.isSafeInteger(weights * bits) || (end - start) * 8 !== weights * bits) {
    throw unsafe('a tensor is not as long as its shape')
  }
  return { type: dtype, weights, start, end }
}

const mostCommonType = (tensors: readonly Tensor[]): string => {
  const bytes = new Map<string, number>()
  for (const { type, start, end } of tensors) bytes.set(type, (bytes.get(type) ?? 0) + end - start)
  return [...bytes].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? 'none'
}
