import { z } from 'zod'

import { engineRowSettings } from '../serve/engines/row-settings.ts'
import { count, rowName } from './fields.ts'

const sampling = z.strictObject({
  maxOutputTokens: count
    .exactOptional()
    .describe('Tokens of an answer. Anthropic wants a number with each call: 4096 where nobody says one.'),
  temperature: z.number().min(0).max(5).exactOptional().describe('0: always the likeliest word.'),
  topP: z
    .number()
    .min(0)
    .max(1)
    .exactOptional()
    .describe('Choose among the likeliest that make up this share.'),
  topK: z.int().nonnegative().exactOptional().describe('Choose among so many; 0: all.'),
  seed: z.int().exactOptional().describe('The same seed gives the same answer, where the engine can.'),
  frequencyPenalty: z.number().min(-2).max(2).exactOptional().describe('Against repeating, by how often.'),
  presencePenalty: z.number().min(-2).max(2).exactOptional().describe('Against repeating, once.'),
})

const cacheType = z.enum(['f32', 'f16', 'bf16', 'q8_0', 'q5_1', 'q5_0', 'q4_1', 'q4_0'])

/** What every row that leads to a backend may say. */
const asked = {
  backend: rowName.exactOptional().describe('Name of a backend. A row has either this or `route`.'),
  model: z.string().min(1).exactOptional().describe('Its name at the backend; left out: the name asked for.'),
  system: z.string().exactOptional().describe('Put before the client’s own system text.'),
  stop: z.array(z.string().min(1)).exactOptional().describe('Added to the client’s stop sequences.'),
  sampling: sampling.exactOptional().describe('Used where the client says nothing.'),
  limits: z
    .strictObject({ maxOutputTokens: count.exactOptional().describe('Tokens of an answer.') })
    .exactOptional()
    .describe('Upper bounds, whatever the client says.'),
  api: z
    .enum(['chat', 'responses'])
    .exactOptional()
    .describe(
      'Which of OpenAI’s two interfaces its backend is to use for it; left out: as the backend’s row says.',
    ),
  extra: z
    .record(z.string().min(1), z.json())
    .exactOptional()
    .describe('More body fields for the backend, where the client says nothing.'),
} as const

/** Only for backends that run the model on this machine. */
const run = {
  source: z
    .string()
    .min(1)
    .exactOptional()
    .describe('Where the model comes from: pypi:, hf:, ollama:, https: or file:.'),
  context: z
    .int()
    .nonnegative()
    .exactOptional()
    .describe(
      'Tokens that one request may use (4096 if left out for llama-server and ollama, else 0); 0: as many as it was trained with.',
    ),
  slots: count
    .exactOptional()
    .describe(
      'Requests answered at once (4 if left out; vllm and sglang 256, mlx-lm 8), each with its own context.',
    ),
  threads: count.exactOptional().describe('CPU threads; left out: one for each physical core.'),
  gpuLayers: z
    .int()
    .nonnegative()
    .exactOptional()
    .describe('Layers put on the accelerator; left out: as many as fit.'),
  mmproj: z
    .string()
    .min(1)
    .exactOptional()
    .describe('File with the image part of a model that sees; left out: the one that came with the model.'),
  template: z.string().min(1).exactOptional().describe('A Jinja chat template instead of the model’s own.'),
  cacheTypeK: cacheType.exactOptional().describe('How the keys of the context are kept in memory.'),
  cacheTypeV: cacheType.exactOptional().describe('How the values of the context are kept in memory.'),
  pooling: z
    .enum(['mean', 'cls', 'last', 'rank', 'none'])
    .exactOptional()
    .describe(
      'How token vectors become one embedding (mean if left out); rank: a model that ranks documents; none: no embeddings.',
    ),
  pinned: z.boolean().exactOptional().describe('Never unloaded.'),
  ...engineRowSettings,
} as const

export const runKeys = Object.keys(run) as readonly (keyof typeof run)[]

/** One shape for all rows, so that a mistake is told where it is; what goes together is checked in `check.ts`. */
export const modelRow = z.strictObject({
  ...asked,
  route: z
    .array(rowName)
    .min(1)
    .exactOptional()
    .describe(
      'Names of other rows, asked in this order: the first that may and can. Stands alone in its row.',
    ),
  ...run,
})
