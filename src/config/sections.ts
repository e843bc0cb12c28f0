import { z } from 'zod'

import { labels } from '../core/label.ts'
import { placeKinds } from '../core/place.ts'
import { accelerators } from '../serve/engines/engine.ts'
import { memorySize } from '../serve/engines/row-settings.ts'
import { count, duration, limits, listen, milliseconds, rowName } from './fields.ts'

/** What makes a section: each field has a text and, where it is not left out, a default. */
const section = <Shape extends z.core.$ZodLooseShape>(shape: Shape, about: string) =>
  z
    .strictObject(shape)
    .prefault(() => ({}) as never)
    .describe(about)

export const compat = z
  .strictObject({
    listen: listen.describe('HOST:PORT; this machine only.'),
    key: z.string().min(1).describe('Name of the key that its callers use.'),
  })
  .exactOptional()
  .describe('A second listener for clients that know no key; off unless given.')

export const server = section(
  {
    maxBodyBytes: count.default(32 * 1024 ** 2).describe('Largest request body, decoded.'),
    maxAnswerBytes: count.default(64 * 1024 ** 2).describe('Largest whole answer taken from a backend.'),
    bodyTimeoutMs: duration.default(30_000).describe('How long a request body may take to arrive.'),
    drainMs: milliseconds
      .default(30_000)
      .describe('How long running calls may take when the server stops; 0: they are cut off.'),
    cors: section(
      {
        origins: z
          .array(z.string().min(1))
          .default([])
          .describe('Web origins whose pages may call, as https://chat.example.org; `*`: all. Empty: none.'),
      },
      'Calls from web pages.',
    ),
  },
  'The HTTP server.',
)

export const timeouts = section(
  {
    connectMs: duration.default(5_000).describe('To open a connection to a backend.'),
    queueMs: duration.default(60_000).describe('To wait for a free slot of a backend.'),
    headersAfterMs: duration
      .default(5_000)
      .describe(
        'How long the first event may decide the status of a stream; then 200 and heartbeats go out.',
      ),
    firstEventMs: duration.default(120_000).describe('From the call to the first event of the answer.'),
    betweenEventsMs: duration.default(60_000).describe('From one event of a stream to the next.'),
    heartbeatMs: duration.default(15_000).describe('A stream that is silent for so long gets a comment.'),
  },
  'How long each step may take.',
)

export const retries = section(
  {
    attempts: count.max(10).default(2).describe('Tries at one target, the first included.'),
    backoffMs: milliseconds.default(250).describe('Wait before the second try, doubles with each; 0: none.'),
    maxWaitMs: milliseconds.default(5_000).describe('Longest wait between tries, `Retry-After` included.'),
  },
  'Trying again before the first event of an answer.',
)

export const health = section(
  {
    failuresToOpen: count.default(5).describe('Failures in a row after which a backend rests.'),
    openMs: duration.default(10_000).describe('How long it rests before one call tries it again.'),
    probeMs: milliseconds.default(15_000).describe('Between two looks at a backend that rests; 0: never.'),
  },
  'When a backend counts as broken.',
)

export const limitsSection = section(
  {
    keys: limits.default({}).describe('For each key that has no limits of its own.'),
    teams: z
      .record(rowName, limits)
      .default({})
      .describe('By the name of a team, for all its keys together.'),
    models: z
      .record(rowName, limits)
      .default({})
      .describe('By the name of a model (`*` stands for any characters), for all callers together.'),
  },
  'How much may run. What is left out is not limited.',
)

export const ledger = section(
  {
    retentionDays: count.default(400).describe('How long single requests are kept; sums stay.'),
    sync: z
      .enum(['normal', 'full'])
      .default('normal')
      .describe(
        'normal: survives the death of the process; full: also that of the machine, at a flush a commit.',
      ),
  },
  'The record of every request.',
)

const program = z.string().min(1)

export const responses = section(
  {
    store: z
      .boolean()
      .default(true)
      .describe(
        'Responses (`/v1/responses`) are kept for the next turn and for clients that come back, as OpenAI does it; off: none are.',
      ),
    keepHours: count.default(24).describe('How long after it was made a response can be found.'),
    maxBytes: count
      .default(2 * 1024 ** 3)
      .describe('What all kept responses together may take on the disk; the oldest go first.'),
  },
  'Kept responses: in a file of their own, sealed with a key in the home, each found only by the key that made it.',
)

export const engines = section(
  {
    llamaServer: z
      .string()
      .min(1)
      .exactOptional()
      .describe(
        'Path of a llama-server of your own. Not in a file that was only found in the working directory.',
      ),
    accelerator: z
      .enum(['auto', ...accelerators])
      .default('auto')
      .describe(
        'Which installed engine to use; auto: what the hardware asks for. The first start brings what is missing; under auto only the engine whose digest inhouse knows.',
      ),
    programs: z
      .strictObject({
        vllm: program.exactOptional().describe('vllm.'),
        sglang: program.exactOptional().describe('The Python that SGLang is installed in.'),
        ollama: program.exactOptional().describe('ollama.'),
        'mlx-lm': program.exactOptional().describe('mlx_lm.server.'),
      })
      .exactOptional()
      .describe(
        'Programs of the other engines; left out: looked for on PATH. Not in a file that was only found in the working directory.',
      ),
    maxLoaded: count.default(2).describe('Models loaded at once.'),
    maxWaiting: count
      .default(256)
      .describe('Requests that may wait for a model to be loaded or to have a free slot; more are refused.'),
    memoryBytes: memorySize
      .exactOptional()
      .describe(
        'What all loaded models without `gpus` of their own may take together, as 20GiB or in bytes; left out: no bound.',
      ),
    gpuMemoryBytes: memorySize
      .exactOptional()
      .describe('What models with `gpus` may take of each of them; left out: all that it has.'),
    idleUnloadMs: milliseconds
      .default(900_000)
      .describe('Unload what nobody has used for so long; 0: never.'),
    startTimeoutMs: duration.default(600_000).describe('A model must be ready to answer in this time.'),
  },
  'Engines that inhouse runs itself.',
)

export const log = section(
  {
    level: z
      .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
      .default('info')
      .describe('The least that is written.'),
  },
  'The log, JSON lines on the standard error. Prompts and answers are never in it.',
)

export const place = z.strictObject({
  kind: z.enum(placeKinds).describe('Whose machines they are.'),
  clearance: z
    .enum(labels)
    .exactOptional()
    .describe('Highest label it may see; left out: restricted, confidential or internal, by its kind.'),
  region: z.string().min(1).exactOptional().describe('Where in the world: `de`, `eu` …'),
  certifications: z
    .array(z.string().min(1))
    .exactOptional()
    .describe('What it is certified for: `iso27001` …'),
})
