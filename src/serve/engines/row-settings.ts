import { z } from 'zod'

import { defaultEngine, engineIds, engineKinds } from './kinds/index.ts'

const units = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, KB: 1e3, MB: 1e6, GB: 1e9 } as const

const bytesText = /^(\d{1,6}(?:\.\d{1,3})?) ?([KMG]i?B)$/

/** `20GiB`, or a number of bytes. */
export const memorySize = z.union([
  z.int().positive(),
  z
    .string()
    .regex(bytesText, 'is no size: write 20GiB, 512MiB or a number of bytes')
    .transform((text) => {
      const [, figure = '', unit = ''] = bytesText.exec(text) ?? []
      return Math.round(Number(figure) * units[unit as keyof typeof units])
    }),
])

const path = z.string().min(1)
const adapterName = z.string().regex(/^[\w.-]{1,100}$/, 'is not a name: letters, digits, `_`, `.` and `-`')

const ownCommand = z.strictObject({
  run: z
    .array(z.string().min(1))
    .min(1)
    .describe('The program and its words; {port}, {model} and {key} stand for what it is given.'),
  health: z
    .string()
    .startsWith('/')
    .default('/health')
    .describe('The path that answers 200 once the model is loaded.'),
  speaks: z
    .string()
    .min(1)
    .default('openai-compatible')
    .describe('The kind of backend whose dialect it speaks.'),
})

const adapter = z.strictObject({
  path: path.describe('A GGUF file for llama-server, a folder for the other engines.'),
  scale: z.number().exactOptional().describe('How much of it (1 if left out); llama-server only.'),
})

const uniqueGpus = z
  .array(z.int().nonnegative())
  .refine((gpus) => new Set(gpus).size === gpus.length, 'names an accelerator twice')

/** What a row of `models` says to its engine, besides what is llama.cpp's alone. */
export const engineRowSettings = {
  engine: z
    .enum(engineIds)
    .exactOptional()
    .describe(
      `What runs it (${defaultEngine} if left out). ${engineKinds.map(({ id, about }) => `${id}: ${about}`).join(' ')}`,
    ),
  extraArgs: z
    .array(z.string())
    .exactOptional()
    .describe(
      'Words for the command line of the engine, put last; not for the one that inhouse brings itself.',
    ),
  env: z
    .record(z.string().regex(/^[A-Za-z_]\w*$/), z.string())
    .exactOptional()
    .describe('More environment for the engine; {port}, {model} and {key} stand for what it is given.'),
  command: ownCommand.exactOptional().describe('How an engine of no known kind is started.'),
  gpus: z
    .union([z.int().positive(), uniqueGpus])
    .exactOptional()
    .describe(
      'So many accelerators for itself, or these by number; []: the CPU alone. Left out: it sees all and shares them.',
    ),
  adapters: z
    .record(adapterName, adapter)
    .exactOptional()
    .describe('LoRA adapters by name; each is asked for as ROW:NAME.'),
  priority: z
    .int()
    .exactOptional()
    .describe('Of the models that wait to be loaded the one with the highest comes first (0 if left out).'),
  startTimeoutMs: z
    .int()
    .min(1)
    .max(2 ** 31 - 1)
    .exactOptional()
    .describe('It must be ready to answer in this time; left out: `engines.startTimeoutMs`.'),
  memoryBytes: memorySize
    .exactOptional()
    .describe(
      'What it takes of the memory, as 20GiB or in bytes; left out: the size of its files, or of `gpus` all they have where its engine takes it.',
    ),
} as const
