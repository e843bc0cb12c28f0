import { describe, expect, test } from 'bun:test'

import type { EngineOpener } from '../../core/backend.ts'
import { builtInPlaces } from '../../core/place.ts'
import { outgoingOf, requestOf, targetOf } from '../../testing/asking.ts'
import { backendKinds, backendRow, kindOf } from './index.ts'
import type { BackendDeps } from './index.ts'
import { presets } from './presets.ts'

const deps: BackendDeps = {
  place: builtInPlaces.local,
  send: () => Promise.reject(new Error('no socket here')),
  engines: { open: () => ({ url: 'http://127.0.0.1:9', headers: {}, close: () => undefined }) },
}

const placeOf = (row: Readonly<Record<string, unknown>>): string => {
  const parsed = backendRow.parse(row)
  return kindOf(parsed).placeOf(parsed)
}

/** Every kind, with as little as its row may say. */
const least = backendKinds.map(({ kind }) => {
  const row = { kind }
  return backendRow.safeParse(row).success ? row : { ...row, url: 'http://10.0.0.1:8000/v1' }
})

test('every kind has a name of its own, and every preset is one of them', () => {
  const kinds = backendKinds.map(({ kind }) => kind)
  expect(new Set(kinds).size).toBe(kinds.length)
  expect(kinds).toEqual(expect.arrayContaining(presets.map(({ id }) => id)))
})

describe.each(least.map((row) => [row.kind, row] as const))('a %s', (_kind, row) => {
  const parsed = backendRow.parse(row)
  const backend = kindOf(parsed).create('b', parsed, deps)

  test('keeps the rules of a backend', () => {
    expect(backend).toMatchObject({ name: 'b', kind: row.kind, place: deps.place, send: deps.send })
    expect(backend.concurrency).toBeGreaterThan(0)
    expect(backend.queue).toBeGreaterThan(0)
    expect(backend.probe?.path ?? '/').toStartWith('/')
    expect(backend.probe?.path ?? '/').not.toMatch(/completions|messages|embeddings|generate/)
  })

  test('opens at an address without a slash at its end, and closes twice', async () => {
    const opening = await backend.open(targetOf('m'), new AbortController().signal)
    expect(opening.url).toMatch(/^https?:.*[^/]$/)
    opening.close()
    opening.close()
  })

  test('takes what its row says about calls at once', () => {
    const said = backendRow.parse({ ...row, concurrency: 3, queue: 0, place: 'office' })
    expect(kindOf(said).create('b', said, deps)).toMatchObject({ concurrency: 3, queue: 0 })
    expect(kindOf(said).placeOf(said)).toBe('office')
  })

  test('refuses a setting that it does not know', () => {
    expect(backendRow.safeParse({ ...row, concurency: 3 }).success).toBe(false)
  })
})

test.each([
  [{ kind: 'managed' }, 'local'],
  [{ kind: 'vllm' }, 'local'],
  [{ kind: 'vllm', url: 'http://gpu1:8000/v1' }, 'local'],
  [{ kind: 'vllm', url: 'http://192.168.1.4/v1' }, 'local'],
  [{ kind: 'vllm', url: 'http://[fd00::1]/v1' }, 'local'],
  [{ kind: 'vllm', url: 'http://[2001:db8::1]/v1' }, 'cloud'],
  [{ kind: 'vllm', url: 'http://172.32.0.1/v1' }, 'cloud'],
  [{ kind: 'vllm', url: 'https://pod.example.com/v1' }, 'cloud'],
  [{ kind: 'openai-compatible', url: 'http://127.0.0.1:1/v1' }, 'local'],
  [{ kind: 'openai-compatible', url: 'http://2130706433:1/v1' }, 'local'],
  [{ kind: 'openai-compatible', url: 'http://[::1]:1/v1' }, 'local'],
  [{ kind: 'openai-compatible', url: 'http://localhost.example.com/v1' }, 'cloud'],
  [{ kind: 'openai-compatible', url: 'http://127.0.0.1.example.com/v1' }, 'cloud'],
  [{ kind: 'openai-compatible', url: 'http://10.0.0.1/v1' }, 'cloud'],
  [{ kind: 'openai-compatible', preset: 'vllm', url: 'http://10.0.0.1/v1' }, 'local'],
  [{ kind: 'openai-compatible', preset: 'together', url: 'http://127.0.0.1/v1' }, 'cloud'],
  [{ kind: 'openai', url: 'http://127.0.0.1:1/v1' }, 'cloud'],
  [{ kind: 'anthropic', url: 'http://127.0.0.1:1' }, 'cloud'],
  [{ kind: 'anthropic', place: 'tenant' }, 'tenant'],
])('%j runs at the place %s', (row, place) => {
  expect(placeOf(row)).toBe(place)
})

test.each([
  [{ kind: 'azure' }],
  [{ kind: 'openai-compatible' }],
  [{ kind: 'vllm', url: 'ftp://a/v1' }],
  [{ kind: 'vllm', url: 'http://user:secret@a/v1' }],
  [{ kind: 'vllm', url: 'http://a/v1?key=secret' }],
  [{ kind: 'nobody' }],
])('%j is no row', (row) => {
  expect(backendRow.safeParse(row).success).toBe(false)
})

test('a managed backend asks the engines for the row’s model, with the caller’s signal', async () => {
  const asked: unknown[] = []
  const engines: EngineOpener = {
    open(row, signal) {
      asked.push([row, signal])
      return Promise.resolve({ url: 'http://127.0.0.1:9', headers: { a: 'b' }, close: () => undefined })
    },
  }
  const row = backendRow.parse({ kind: 'managed' })
  const backend = kindOf(row).create('here', row, { ...deps, engines })
  const { signal } = new AbortController()
  expect(await backend.open(targetOf('m'), signal)).toMatchObject({ url: 'http://127.0.0.1:9' })
  expect(asked).toEqual([['row', signal]])
  const sent = outgoingOf(backend, requestOf('openai-chat', '{"model":"a"}'), targetOf('m'))
  expect(sent).toMatchObject({ path: '/v1/chat/completions', stream: true })
})
