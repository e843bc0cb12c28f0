import { open } from 'node:fs/promises'

/**
 * Writes a copy of a GGUF file whose metadata also name tokens for text in between, so that its engine takes `/infill`.
 * The three ids are any tokens of the model: it was not trained for it, and writes what comes to it.
 */
export async function writeInfillModel(
  from: string,
  to: string,
  ids: readonly [number, number, number],
): Promise<void> {
  const bytes = Buffer.from(await Bun.file(from).arrayBuffer())
  const names = ['fim_pre', 'fim_suf', 'fim_mid']
  const entries = names.map((name, at) => entry(`tokenizer.ggml.${name}_token_id`, ids[at] ?? 0))
  const length = entries.reduce((sum, { length: more }) => sum + more, 0)
  // What follows is aligned: the last entry is a number under a name as long as it takes.
  const padding = alignment - ((length + entry('', 0).length) % alignment)
  entries.push(entry('x'.repeat(padding), 0))
  const header = Buffer.from(bytes.subarray(0, headerBytes))
  header.writeBigUInt64LE(header.readBigUInt64LE(entriesAt) + BigInt(entries.length), entriesAt)
  await using file = await open(to, 'w')
  await file.writev([header, ...entries, bytes.subarray(headerBytes)])
}

const alignment = 32
/** Magic, version, number of tensors, number of entries. */
const headerBytes = 24
const entriesAt = 16
const uint32 = 4

function entry(name: string, value: number): Buffer {
  const bytes = Buffer.alloc(8 + name.length + 8)
  bytes.writeBigUInt64LE(BigInt(name.length))
  bytes.write(name, 8)
  bytes.writeUInt32LE(uint32, 8 + name.length)
  bytes.writeUInt32LE(value, 12 + name.length)
  return bytes
}
