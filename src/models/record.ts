import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { z } from 'zod'

import { writeWhole } from '../install/disk.ts'
import { roles, trusts } from './sources/source.ts'

/** Only an approved model may be served. */
export const modelStates = ['quarantined', 'scanned', 'approved', 'revoked'] as const
export type ModelState = (typeof modelStates)[number]

const count = z.int().min(0)
const sha256 = z.string().regex(/^[0-9a-f]{64}$/)

const fileShape = z.strictObject({
  name: z.string(),
  role: z.enum(roles),
  sha256,
  bytes: count,
  mtimeMs: z.number(),
  /** Where it stands, if not among our blobs. */
  path: z.string().optional(),
})

const factsShape = z.strictObject({
  format: z.enum(['gguf', 'safetensors']),
  architecture: z.string().optional(),
  name: z.string().optional(),
  parameters: count,
  quantisation: z.string(),
  contextLength: count.optional(),
  embeddingLength: count.optional(),
  layers: count.optional(),
  tokenizer: z.string().optional(),
  hasChatTemplate: z.boolean(),
  chatTemplate: z.string().optional(),
  fillsIn: z.boolean().optional(),
  onlyEmbeds: z.boolean().optional(),
  tensors: count,
  headerBytes: count,
  parts: count.optional(),
})

const recordShape = z.strictObject({
  version: z.literal(1),
  /** As it was asked for: `hf:owner/repo:Q4_K_M`. */
  source: z.string(),
  revision: z.string().optional(),
  trust: z.enum(trusts),
  state: z.enum(modelStates),
  /** Of the model file; of a model in several files, over their digests and names. */
  digest: sha256,
  files: z.array(fileShape).min(1),
  facts: factsShape,
  notes: z.record(z.string(), z.string()).optional(),
  /** Milliseconds since the Unix epoch. */
  pulledAt: count,
})

export type ModelRecord = z.infer<typeof recordShape>
export type RecordedFile = z.infer<typeof fileShape>

/** Undefined where there is none; `'unreadable'` where there is one that this version cannot read. */
export const readRecord = async (path: string): Promise<ModelRecord | 'unreadable' | undefined> => {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  try {
    return recordShape.parse(JSON.parse(text))
  } catch {
    return 'unreadable'
  }
}

export const readRecords = async (folder: string): Promise<readonly (ModelRecord | 'unreadable')[]> => {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.json'))
  const records = await Promise.all(names.map((name) => readRecord(join(folder, name))))
  return records.filter((record) => record !== undefined)
}

export const writeRecord = (path: string, record: ModelRecord): Promise<void> =>
  writeWhole(path, JSON.stringify(record, undefined, 2))
