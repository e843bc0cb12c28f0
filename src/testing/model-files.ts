/** Small model files for tests. */

type Scalar = string | number | boolean | readonly string[] | { readonly float32: number }

export interface GgufPlan {
  readonly version?: number
  readonly metadata?: Readonly<Record<string, Scalar>>
  /** Written as they are, also twice the same key. */
  readonly more?: readonly (readonly [string, Scalar])[]
  readonly tensors?: readonly {
    readonly name: string
    readonly shape: readonly number[]
    /** `ggml_type`; F32 if left out. */
    readonly type?: number
    readonly offset?: number
  }[]
  /** Bytes of weights. */
  readonly data?: number
  /** Makes the file another one. */
  readonly fill?: number
}

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

const u64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

const f32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return bytes
}

const text = (value: string): Buffer => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)])

const valueOf = (value: Scalar): Buffer => {
  if (typeof value === 'string') return Buffer.concat([u32(8), text(value)])
  if (typeof value === 'number') return Buffer.concat([u32(4), u32(value)])
  if (typeof value === 'boolean') return Buffer.concat([u32(7), Buffer.from([Number(value)])])
  if ('float32' in value) return Buffer.concat([u32(6), f32(value.float32)])
  return Buffer.concat([u32(9), u32(8), u64(value.length), ...value.map(text)])
}

const usual: Readonly<Record<string, Scalar>> = {
  'general.architecture': 'llama',
  'general.name': 'Tiny',
  'general.file_type': 3,
  'llama.context_length': 2048,
  'llama.embedding_length': 64,
  'llama.block_count': 2,
  'tokenizer.ggml.model': 'gpt2',
  'tokenizer.ggml.tokens': ['a', 'b', ''],
  'tokenizer.chat_template': '{{ messages }}',
}

/** A LoRA adapter for the small model (30 layers, 576 wide) that changes every answer. */
export const makeAdapter = (): Buffer => {
  const [layers, width, rank] = [30, 576, 4]
  const bytes = width * rank * 4
  const names = Array.from({ length: layers }, (_, layer) => `blk.${layer}.attn_q.weight.lora_`)
  return makeGguf({
    metadata: {
      'general.type': 'adapter',
      'general.architecture': 'llama',
      'adapter.type': 'lora',
      'adapter.lora.alpha': { float32: 64 },
    },
    tensors: names.flatMap((name, at) => [
      { name: `${name}a`, shape: [width, rank], offset: 2 * at * bytes },
      { name: `${name}b`, shape: [rank, width], offset: (2 * at + 1) * bytes },
    ]),
    data: 2 * layers * bytes,
    // As a float 0.18.
    fill: 0x3e,
  })
}

export const makeGguf = (plan: GgufPlan = {}): Buffer => {
  const entries = [...Object.entries(plan.metadata ?? usual), ...(plan.more ?? [])]
  const tensors = plan.tensors ?? [
    { name: 'token_embd.weight', shape: [64, 3] },
    { name: 'output.weight', shape: [64, 2], type: 3, offset: 768 },
  ]
  const header = Buffer.concat([
    Buffer.from('GGUF'),
    u32(plan.version ?? 3),
    u64(tensors.length),
    u64(entries.length),
    ...entries.flatMap(([key, value]) => [text(key), valueOf(value)]),
    ...tensors.flatMap(({ name, shape, type = 0, offset = 0 }) =>
      [text(name), u32(shape.length), shape.map(u64), u32(type), u64(offset)].flat(),
    ),
  ])
  const padding = Buffer.alloc((32 - (header.length % 32)) % 32)
  return Buffer.concat([header, padding, Buffer.alloc(plan.data ?? 768 + 80, plan.fill ?? 1)])
}

export const makeSafetensors = (
  header: unknown = {
    __metadata__: { format: 'pt' },
    a: { dtype: 'BF16', shape: [4, 2], data_offsets: [0, 16] },
    b: { dtype: 'F32', shape: [], data_offsets: [16, 20] },
  },
  data = 20,
): Buffer => {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  return Buffer.concat([u64(json.length), json, Buffer.alloc(data, 1)])
}
