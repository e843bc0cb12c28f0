import { expect, test } from 'bun:test'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { Failure } from '../core/failure.ts'
import { loadConfig } from '../config/index.ts'
import type { Model, ModelFile, Models } from '../models/model.ts'
import type { EngineRow } from '../serve/engines/engine.ts'
import type { Engines } from '../serve/engines/engines.ts'
import { LocalModels } from './local-models.ts'

const file = (role: ModelFile['role']): Pick<ModelFile, 'role' | 'path'> => ({ role, path: `/${role}.gguf` })

/** What the engines are told of a model that came in these files. */
async function rowFor(config: string, files: readonly ModelFile['role'][]): Promise<EngineRow | undefined> {
  const home = await mkdtemp(join(tmpdir(), 'inhouse-local-'))
  try {
    await writeFile(join(home, 'inhouse.yaml'), config)
    const { config: settings } = loadConfig({ env: {}, flags: { offline: true }, home, cwd: home })
    const model = { path: '/model.gguf', files: files.map(file), facts: {} } as unknown as Model
    let told: readonly EngineRow[] = []
    await new LocalModels({
      home,
      env: { PATH: '' },
      onProgress: () => undefined,
      models: { resolve: async () => model } as unknown as Models,
      engines: { reconfigure: (rows: readonly EngineRow[]) => void (told = rows) } as unknown as Engines,
    }).follow(settings)
    return told[0]
  } finally {
    await rm(home, { recursive: true })
  }
}

const row = (more: string): string =>
  `backends: { here: { kind: managed } }\nmodels: { sees: { backend: here, source: "file:/model.gguf"${more} } }`

test('a model that came with its image part is loaded with it', async () => {
  expect((await rowFor(row(''), ['model', 'projector']))?.mmproj).toBe('/projector.gguf')
  expect(await rowFor(row(''), ['model', 'sidecar'])).not.toHaveProperty('mmproj')
})

test('an image part that the row names counts more than the one that came', async () => {
  const named = await rowFor(row(', mmproj: /mine.gguf'), ['model', 'projector'])
  expect(named?.mmproj).toBe('/mine.gguf')
})

test('a model is ready with the newer config, though the older one’s pull was given up', async () => {
  const home = await mkdtemp(join(tmpdir(), 'inhouse-local-'))
  const llamaServer = join(home, 'llama-server')
  await writeFile(
    llamaServer,
    '#!/bin/sh\necho "version: 9999 (abc)"; echo " --ctx-size --parallel --api-key --embeddings --pooling --model --host --port"\n',
    { mode: 0o755 },
  )
  await writeFile(join(home, 'inhouse.yaml'), `engines: { llamaServer: ${llamaServer} }\n${row('')}`)
  const { config: settings } = loadConfig({ env: {}, flags: {}, home, cwd: home })
  const model = { path: '/model.gguf', files: [], facts: {} } as unknown as Model
  let pulls = 0
  const local = new LocalModels({
    home,
    env: { PATH: '' },
    onProgress: () => undefined,
    models: {
      resolve: () => Promise.reject(new Failure('model_missing', 'not here')),
      pull: (_: string, { signal }: { signal: AbortSignal }) =>
        pulls++ > 0
          ? Promise.resolve(model)
          : new Promise((_resolve, reject) => {
              const giveUp = (): void => reject(new Error('given up'))
              if (signal.aborted) giveUp()
              else signal.addEventListener('abort', giveUp)
            }),
    } as unknown as Models,
    engines: {
      reconfigure: () => undefined,
      open: async () => ({ close: () => undefined }),
    } as unknown as Engines,
  })
  const older = local.follow(settings)
  const newer = local.follow(settings)
  expect(await older.catch(() => 'given up')).toBe('given up')
  await newer
  expect(local.trouble('sees')).toBeUndefined()
  await rm(home, { recursive: true })
})

test('a model that is missing while offline is told as such, without a word of pulling it', async () => {
  const home = await mkdtemp(join(tmpdir(), 'inhouse-local-'))
  await writeFile(join(home, 'inhouse.yaml'), row(''))
  const { config: settings } = loadConfig({ env: { INHOUSE_OFFLINE: 'true' }, flags: {}, home, cwd: home })
  const missing = new Failure('model_missing', 'file:/model.gguf has not been pulled.')
  const local = new LocalModels({
    home,
    env: { PATH: '' },
    onProgress: () => undefined,
    models: { resolve: () => Promise.reject(missing) } as unknown as Models,
    engines: { reconfigure: () => undefined } as unknown as Engines,
  })
  await local.follow(settings)
  const { message, help } = local.trouble('sees') ?? {}
  expect(message).toBe('file:/model.gguf has not been pulled, and while offline nothing is downloaded.')
  expect(help).toContain('INHOUSE_OFFLINE')
  expect(help).not.toContain('models pull')
  await rm(home, { recursive: true })
})
