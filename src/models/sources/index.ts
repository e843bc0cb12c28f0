import { Failure } from '../../core/failure.ts'
import { file } from './file.ts'
import { hub } from './hub.ts'
import { ollama } from './ollama.ts'
import { pypi } from './pypi.ts'
import type { ModelSource, Reference } from './source.ts'
import { web } from './web.ts'

export const modelSources = [pypi, hub, ollama, web, file] as const satisfies readonly ModelSource[]

/** Reads `scheme:rest[#sha256=hex]`. Throws `Failure('source_unknown')`. */
export const parseSource = (
  written: string,
): { readonly source: ModelSource; readonly reference: Reference } => {
  const text = written.trim()
  const [, scheme, rest = '', digest] = /^([a-z]+):([^#]*)(?:#sha256=([0-9a-fA-F]{64}))?$/.exec(text) ?? []
  const source = modelSources.find((candidate) => candidate.scheme === scheme)
  if (source === undefined || rest === '') {
    const examples = modelSources.map(({ example }) => example).join(', ')
    throw new Failure('source_unknown', {
      message: `${JSON.stringify(text)} is not a model source; they look like ${examples}.`,
      param: 'source',
    })
  }
  const sha256 = digest?.toLowerCase()
  return { source, reference: sha256 === undefined ? { text, rest } : { text, rest, sha256 } }
}
