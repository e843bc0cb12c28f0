import { readFile } from 'node:fs/promises'

import type { Imported } from '../../config/import/imported.ts'
import { importLitellm } from '../../config/import/litellm.ts'
import { importLlamaSwap } from '../../config/import/llama-swap.ts'
import { importOllama } from '../../config/import/ollama.ts'
import { Failure } from '../../core/failure.ts'
import { findBackend } from '../backends/find.ts'
import type { Context } from '../context.ts'
import { serverUrl } from '../parse.ts'
import type { Composed } from './compose.ts'

/** Whose config can be taken over. */
export const programs = ['litellm', 'ollama', 'llama-swap'] as const
export type Program = (typeof programs)[number]

/** `given`: a file, or of Ollama an address. Throws `Failure('file_unfit' | 'usage_wrong')` and what probing throws. */
export const importedFrom = async (
  program: Program,
  given: string | undefined,
  context: Context,
): Promise<Composed> => {
  const { config, notes } = await readers[program](given, context)
  if (config['models'] !== undefined) return { tree: config, notes }
  throw new Failure('file_unfit', {
    message: `No model of it can be taken over${notes.length === 0 ? '.' : ':'}${notes
      .map(({ line, path, text }) => `\n  ${line === 0 ? '' : `line ${line}: `}${path} ${text}`)
      .join('')}`,
    help: '`inhouse init` without --from looks for engines on this machine.',
  })
}

const readers: Readonly<Record<Program, (given: string | undefined, context: Context) => Promise<Imported>>> =
  {
    litellm: async (file) => about(file, importLitellm),
    'llama-swap': async (file) => about(file, importLlamaSwap),
    ollama: async (given, context) => {
      const url = serverUrl(given ?? 'http://127.0.0.1:11434')
      const { config } = await context.load({ secrets: 'unread' })
      const found = await findBackend(context, config, url, { kind: 'ollama' })
      const models = found.models.map(({ name, facts: { remoteHost } }) => ({ name, remoteHost }))
      return importOllama(found.url, models)
    },
  }

/** Failures name the file. */
const about = async (file: string | undefined, read: (text: string) => Imported): Promise<Imported> => {
  if (file === undefined)
    throw new Failure('usage_wrong', {
      message: 'Which file is it?',
      help: 'Name it: `inhouse init --from litellm config.yaml`.',
    })
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new Failure('file_unfit', { message: `${file} cannot be read.` }, { cause })
  })
  try {
    return read(text)
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown
    throw new Failure(thrown.code, { message: `${file}: ${thrown.message}` }, { cause: thrown })
  }
}
