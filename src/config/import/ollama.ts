import { untagged } from '../../core/names.ts'
import { Draft } from './draft.ts'
import type { Note } from './foreign.ts'
import type { Imported } from './imported.ts'

/** A model as an Ollama lists it. */
export interface OllamaModel {
  readonly name: string
  /** It is run by somebody else. */
  readonly remoteHost?: string | undefined
}

/** The models of an Ollama. Those that it hands on to its cloud go to a backend that says so. */
export function importOllama(url: string, models: readonly OllamaModel[]): Imported {
  const draft = new Draft()
  const notes: Note[] = []
  for (const { name, remoteHost } of models) {
    const isElsewhere = remoteHost !== undefined || /[:-]cloud$/.test(name)
    const backend = isElsewhere
      ? draft.backend('ollama-cloud', { kind: 'ollama', url, place: 'cloud' })
      : draft.backend('ollama', { kind: 'ollama', url })
    const row = { backend, ...(untagged(name) !== name && { model: name }) }
    const put = backend === undefined ? undefined : draft.model(untagged(name), row)
    const note = { line: 0, path: name }
    if (put === undefined) notes.push({ ...note, kind: 'left', text: 'has a name that no row can have' })
    else if (isElsewhere)
      notes.push({
        ...note,
        kind: 'changed',
        text: 'is run by a third party: its backend says `place: cloud`',
      })
  }
  return { config: draft.tree(), notes }
}
