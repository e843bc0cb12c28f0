import { expect, test } from 'bun:test'
import * as fc from 'fast-check'

import { Failure } from '../../core/failure.ts'
import { modelSources, parseSource } from './index.ts'
import type { World } from './source.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)

/** What finding a source ends in: its offers, or a Failure; anything else is thrown. */
const find = async (written: string, answer: (url: string) => Response, env: World['env'] = {}) => {
  const world = { env: { HOME: '/nowhere', ...env }, fetch: (url: string) => Promise.resolve(answer(url)) }
  try {
    const { source, reference } = parseSource(written)
    return await source.find(reference, world, {})
  } catch (error) {
    if (error instanceof Failure) return error
    throw error
  }
}

const hex = (length: number) =>
  fc
    .array(fc.integer({ min: 0, max: 15 }), { minLength: length, maxLength: length })
    .map((all) => all.map((digit) => digit.toString(16)).join(''))
/** The value that an API promises, or anything else in its place. */
const mostly = <T>(promised: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 60, arbitrary: promised }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 1 }) })
const bytes = fc.oneof(
  { weight: 20, arbitrary: fc.nat() },
  { weight: 1, arbitrary: fc.constantFrom(-1, 0.5, 1e300, Number.MAX_SAFE_INTEGER) },
)
const seldom = fc.nat(9).map((number) => number === 0)

const path = fc.oneof(
  fc.constantFrom('m-Q4_K_M.gguf', 'm-00001-of-00002.gguf', 'm-00002-of-00002.gguf', 'model.safetensors'),
  fc.constantFrom('../../etc/passwd.gguf', '/etc/x.gguf', 'config.json', 'a\u0000.gguf', '%zz.gguf', ''),
  fc.string({ maxLength: 12 }).map((name) => `${name}.gguf`),
)
const entry = fc.record({
  type: mostly(fc.constantFrom('file', 'file', 'directory')),
  path: mostly(path),
  size: mostly(bytes),
  oid: mostly(
    fc.oneof({ weight: 20, arbitrary: hex(40) }, { weight: 1, arbitrary: fc.constant('../../etc/passwd') }),
  ),
  lfs: mostly(fc.option(fc.record({ oid: mostly(hex(64)), size: mostly(bytes) }), { nil: undefined })),
})
const link = fc.oneof(
  fc.constant(''),
  fc.constantFrom('<http://[>; rel="next"', '<//other.test/x>; rel="next"', '</again>; rel=next'),
  fc.string({ maxLength: 20 }).map((any) => any.replaceAll(/[^\u0020-\u007e]/g, '')),
)

test('whatever a hub answers is a list of files to fetch, or a Failure', async () => {
  const tree = mostly(fc.array(mostly(entry), { maxLength: 6 }))
  const sha = mostly(hex(40))
  let found = 0
  await fc.assert(
    fc.asyncProperty(sha, tree, link, seldom, async (commit, files, next, cut) => {
      const body = JSON.stringify(files)
      const end = await find('hf:o/r', (url) =>
        url.includes('/revision/')
          ? new Response(JSON.stringify({ sha: commit }))
          : new Response(cut && files !== undefined ? body.slice(0, -1) : body, { headers: { link: next } }),
      )
      if (end instanceof Failure) return
      found += 1
      expect(end.files.length).toBeGreaterThan(0)
      for (const { sha256 } of end.files) expect(sha256 ?? 'f'.repeat(64)).toMatch(/^[0-9a-f]{64}$/)
    }),
    { numRuns },
  )
  // The property says nothing about an input that never comes.
  expect(found).toBeGreaterThan(numRuns / 50)
})

test('whatever an Ollama registry answers is a list of layers to fetch, or a Failure', async () => {
  const kind = fc.constantFrom('model', 'model', 'projector', 'adapter', 'license', 'tensor', '../x')
  const layer = fc.record({
    mediaType: mostly(kind.map((name) => `application/vnd.ollama.image.${name}`)),
    digest: mostly(
      fc.oneof(
        hex(64).map((digest) => `sha256:${digest}`),
        fc.constant('sha256:../../x'),
      ),
    ),
    size: mostly(bytes),
  })
  const manifest = mostly(fc.record({ layers: mostly(fc.array(mostly(layer), { maxLength: 5 })) }))
  let found = 0
  await fc.assert(
    fc.asyncProperty(manifest, seldom, async (value, cut) => {
      const body = JSON.stringify(value)
      const end = await find('ollama:tiny:1b', () => new Response(cut ? body.slice(0, -1) : body))
      if (end instanceof Failure) return
      found += 1
      expect(end.files.some(({ role }) => role === 'model')).toBe(true)
      for (const { sha256 } of end.files) expect(sha256).toMatch(/^[0-9a-f]{64}$/)
    }),
    { numRuns },
  )
  expect(found).toBeGreaterThan(numRuns / 50)
})

test('whatever is written as a source is understood or refused, and never asks another host than its own', async () => {
  const scheme = fc.constantFrom('', ...modelSources.map((source) => source.scheme))
  const rest = fc.oneof(
    fc.string({ maxLength: 30 }),
    fc.constantFrom(
      '//host/x.gguf',
      '//%zz',
      '//a.test/%zz.gguf',
      'o/r@..',
      'o/r@a/b:c',
      '/x\u0000y',
      '//[',
      'a==1',
    ),
  )
  const digest = fc.constantFrom('', '#sha256=x', `#sha256=${'a'.repeat(64)}`)
  await fc.assert(
    fc.asyncProperty(scheme, rest, digest, async (name, text, end) => {
      await find(`${name}:${text}${end}`, (url) => {
        expect(['huggingface.co', 'registry.ollama.ai']).toContain(new URL(url).host)
        return new Response('', { status: 404 })
      })
    }),
    { numRuns },
  )
})

test('a name that the hub does not know, or hides, is source_missing; what wants terms accepted is source_denied', async () => {
  const refuse = (code: string) => () => new Response('', { status: 401, headers: { 'x-error-code': code } })
  expect(await find('hf:o/mispelt', refuse('RepoNotFound'))).toMatchObject({ code: 'source_missing' })
  expect(await find('hf:o/gated', refuse('GatedRepo'))).toMatchObject({ code: 'source_denied' })
})

test('settings of the environment are cleaned or refused', async () => {
  const tokens: (string | null)[] = []
  const fetch = (_: string, init: RequestInit) => {
    tokens.push(new Headers(init.headers).get('authorization'))
    return Promise.resolve(new Response('', { status: 404 }))
  }
  const { source, reference } = parseSource('hf:o/r')
  await source.find(reference, { env: { HF_TOKEN: 'hf_x\n' }, fetch }, {}).catch(() => undefined)
  expect(tokens).toEqual(['Bearer hf_x'])
  const found = await find('hf:o/r', () => new Response(''), { HF_ENDPOINT: 'hub.example' })
  expect(found).toMatchObject({ code: 'source_unknown' })
})
