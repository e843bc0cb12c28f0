import { describe, expect, test } from 'bun:test'

import { backendKinds } from '../serve/backends/index.ts'
import { parseListen } from './fields.ts'
import { resolveHome } from './home.ts'
import { nearest } from './nearest.ts'
import { pathText } from './path.ts'
import { renderConfigReference } from './reference.ts'
import { configJsonSchema, schema } from './schema.ts'
import { envName, settingsOf } from './shape.ts'
import type { Shape } from './shape.ts'

describe('home', () => {
  const facts = { cwd: '/srv', env: { HOME: '/home/a' } }

  test('is where --home, INHOUSE_HOME, XDG or the system says', () => {
    expect(resolveHome({ ...facts, platform: 'linux' })).toBe('/home/a/.local/share/inhouse')
    expect(resolveHome({ ...facts, platform: 'darwin' })).toBe('/home/a/Library/Application Support/inhouse')
    const xdg = { HOME: '/home/a', XDG_DATA_HOME: '/data' }
    expect(resolveHome({ ...facts, env: xdg, platform: 'linux' })).toBe('/data/inhouse')
    expect(resolveHome({ ...facts, env: { ...xdg, XDG_DATA_HOME: 'data' }, platform: 'linux' })).toContain(
      '/.local/',
    )
    expect(resolveHome({ ...facts, env: { ...xdg, INHOUSE_HOME: 'mine' } })).toBe('/srv/mine')
    expect(resolveHome({ ...facts, flag: '/flag', env: { INHOUSE_HOME: 'mine' } })).toBe('/flag')
  })
})

describe('schema', () => {
  /** Every shape in a JSON Schema with where it stands. */
  const all = (shape: Shape, path: string): [string, Shape][] => [
    [path, shape],
    ...Object.entries(shape.properties ?? {}).flatMap(([key, inner]) =>
      typeof inner === 'object' ? all(inner, `${path}.${key}`) : [],
    ),
    ...(typeof shape.additionalProperties === 'object' && !path.startsWith('.backends')
      ? all(shape.additionalProperties, `${path}.*`)
      : []),
  ]

  test('says of every key what it does', () => {
    const silent = all(configJsonSchema(), '').filter(
      ([path, shape]) => path !== '' && !path.includes('*') && shape.description === undefined,
    )
    expect(silent.map(([path]) => path)).toEqual([])
  })

  test('knows every kind of backend', () => {
    const rows = configJsonSchema().properties?.['backends'] as Shape
    expect((rows.additionalProperties as Shape).oneOf).toHaveLength(backendKinds.length)
  })

  test('gives every single setting a name of its own in the environment', () => {
    const names = settingsOf(configJsonSchema()).map(({ path }) => envName(path))
    expect(names).toContain('INHOUSE_SERVER_MAX_BODY_BYTES')
    expect(new Set(names).size).toBe(names.length)
    expect(names).not.toContain('INHOUSE_HOME')
    expect(names).not.toContain('INHOUSE_CONFIG')
  })

  test('takes its own defaults', () => {
    const once = schema.parse({})
    expect(schema.parse(once)).toEqual(once)
  })
})

describe('reference', () => {
  test('names every setting and every kind', () => {
    const text = renderConfigReference()
    for (const { path } of settingsOf(configJsonSchema())) expect(text).toContain(envName(path))
    for (const { kind } of backendKinds) expect(text).toContain(`\`kind: ${kind}\``)
  })
})

describe('small parts', () => {
  test('listen falls apart into host and port', () => {
    expect(parseListen('127.0.0.1:4141')).toEqual({ host: '127.0.0.1', port: 4141 })
    expect(parseListen('[::1]:0')).toEqual({ host: '::1', port: 0 })
    for (const text of [':4141', '[fe80::1%eth0]:4141'])
      expect(schema.safeParse({ listen: text }).success).toBe(false)
  })

  test('only a near word is suggested', () => {
    expect(nearest('contxt', ['context', 'slots'])).toBe('context')
    expect(nearest('LISTEN', ['listen'])).toBe('listen')
    expect(nearest('banana', ['context', 'slots'])).toBeUndefined()
  })

  test('a path with a dot in a name is told apart from a deeper one', () => {
    expect(pathText(['models', 'gpt-4.1', 'stop', 0])).toBe('models["gpt-4.1"].stop[0]')
  })
})
