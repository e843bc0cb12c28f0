import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

import { Failure } from '../../../core/failure.ts'
import { writeWhole } from '../../../install/disk.ts'
import { run } from '../../../install/run.ts'
import { engineEnvironment } from '../command.ts'
import type { EngineRow } from '../engine.ts'
import type { Ask, CommandFacts, EngineKind } from './kind.ts'
import { findProgram } from './programs.ts'

/** What a model is called that was made of a file; each row has a server and a folder of its own. */
const made = 'inhouse'
const isMade = ({ modelPath }: EngineRow): boolean => modelPath !== ''
const nameOf = (row: EngineRow): string => (isMade(row) ? made : (row.model ?? row.row))

/** Ollama, one server for each row: with a `source` over a folder of its own, else over the models that it has. */
export const ollama: EngineKind = {
  id: 'ollama',
  about: 'Ollama. A GGUF file, or without a source a model that Ollama has itself, named in `model`.',
  install: 'https://ollama.com/download has it.',
  defaults: { context: 4096, slots: 4 },
  takes: ['context'],
  bringsModels: true,
  // Another context would load the model anew.
  speaks: (row) => ({ preset: 'ollama', model: nameOf(row), context: row.context }),
  find: async (search) => {
    const program = await findProgram(ollama, ['ollama'], search)
    return {
      path: program,
      command: (row, facts) => ({
        argv: [program, 'serve'],
        env: environment(row, facts),
        url: `http://127.0.0.1:${facts.port}`,
      }),
      prepare: async (row, facts, ask, signal) => {
        if (isMade(row)) await make(program, row, facts, signal)
        await load(row, ask)
      },
    }
  },
  health: () => '/api/version',
  graceMs: 5000,
}

const environment = (row: EngineRow, facts: CommandFacts): Record<string, string> => {
  const models = isMade(row) ? join(facts.folder, 'models') : facts.env['OLLAMA_MODELS']
  return {
    ...engineEnvironment(facts.env),
    ...(models !== undefined && { OLLAMA_MODELS: models }),
    OLLAMA_HOST: `127.0.0.1:${facts.port}`,
    OLLAMA_NUM_PARALLEL: String(row.slots),
    ...(row.context > 0 && { OLLAMA_CONTEXT_LENGTH: String(row.context) }),
    // Loading and unloading are ours to decide, and nothing leaves this machine.
    OLLAMA_MAX_LOADED_MODELS: '1',
    OLLAMA_KEEP_ALIVE: '-1',
    OLLAMA_NO_CLOUD: '1',
  }
}

/** Takes time the first time: Ollama copies the file, and knows it again by its content. */
const make = async (
  program: string,
  row: EngineRow,
  { folder, port, env }: CommandFacts,
  signal: AbortSignal,
): Promise<void> => {
  await mkdir(folder, { recursive: true })
  const modelfile = join(folder, 'Modelfile')
  await writeWhole(modelfile, `FROM ${row.modelPath}\n`)
  const client = { ...engineEnvironment(env), OLLAMA_HOST: `127.0.0.1:${port}` }
  const { status } = await run([program, 'create', made, '-f', modelfile], { env: client, signal })
  if (status !== 0) throw new Failure('engine_failed', `Ollama did not take the file of ${row.row}.`)
}

const load = async (row: EngineRow, ask: Ask): Promise<void> => {
  const { status } = await ask('/api/generate', { model: nameOf(row), keep_alive: -1 })
  if (status === 200) return
  const why = status === 404 ? `it has no model ${nameOf(row)}` : `it answered ${status}`
  throw new Failure('engine_failed', `Ollama did not load ${row.row}: ${why}.`)
}
