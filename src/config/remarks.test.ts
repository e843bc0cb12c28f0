import { expect, test } from 'bun:test'

import { unknownVariables, remarksOn } from './remarks.ts'
import { configJsonSchema, schema } from './schema.ts'
import { envName, settingsOf } from './shape.ts'

const settings = settingsOf(configJsonSchema()).map(({ path }) => envName(path))
const backends = { b: { kind: 'openai-compatible', url: 'http://b/v1' } }

test('a limit for a model that no row takes is remarked on, one for a name under a wildcard is not', () => {
  const models = { small: { backend: 'b' }, 'gpt-*': { backend: 'b' } }
  const told = (...names: string[]): unknown[] =>
    remarksOn(
      schema.parse({
        backends,
        models,
        limits: { models: Object.fromEntries(names.map((name) => [name, {}])) },
      }),
    ).map(({ path, text }) => [path.at(-1), text])
  expect(told('small', 'small:latest', 'gpt-4o', 'gpt-*', 'gpt-4*', 's*', '*')).toEqual([])
  expect(told('smal', 'qwen*')).toEqual([
    ['smal', 'limits nothing: no row of `models` takes that name; did you mean small?'],
    ['qwen*', 'limits nothing: no row of `models` takes that name; there are small, gpt-*'],
  ])
})

test('a config with backends and no models is remarked on', () => {
  expect(remarksOn(schema.parse({ backends }))).toEqual([
    { path: ['models'], text: 'names no model: nothing is served' },
  ])
})

test('a model of Ollama’s cloud behind a backend that is told to be ours is remarked on', () => {
  const url = 'http://127.0.0.1:11434/v1'
  const rows = {
    ours: { kind: 'openai-compatible', url },
    told: { kind: 'openai-compatible', url, place: 'office' },
    native: { kind: 'ollama', url: 'http://127.0.0.1:11434' },
    cloud: { kind: 'openai-compatible', url, place: 'cloud' },
  }
  const told = (backend: string, model: string): unknown[] =>
    remarksOn(
      schema.parse({
        backends: rows,
        places: { office: { kind: 'on-premises' } },
        models: { m: { backend, model }, 'x:cloud': { backend: 'cloud' } },
      }),
    ).map(({ path, text }) => [path.join('.'), /place of (\w+ is \w+)/.exec(text)?.[1]])
  expect(told('ours', 'gpt-oss:120b-cloud')).toEqual([['models.m', 'ours is local']])
  expect(told('told', 'kimi:cloud')).toEqual([['models.m', 'told is office']])
  expect(told('native', 'kimi:cloud')).toEqual([['models.m', 'native is local']])
  expect(told('cloud', 'kimi:cloud')).toEqual([])
  expect(told('ours', 'cloud')).toEqual([])
})

test('an INHOUSE_ variable that is no setting is remarked on, with the name that was perhaps meant', () => {
  const told = (...names: string[]): string[] =>
    unknownVariables(Object.fromEntries(names.map((name) => [name, '1'])), settings, [
      'Bearer ${INHOUSE_MINE}',
    ]).map(({ where, text }) => `${where} ${text.replace(/^.*; /, '')}`)
  expect(told('INHOUSE_LISTN', 'INHOUSE_BOGUS', 'INHOUSE_LIMITS_KEYS_RPM')).toEqual([
    'INHOUSE_LISTN did you mean INHOUSE_LISTEN?',
    'INHOUSE_BOGUS `inhouse config show` has all that there are',
    'INHOUSE_LIMITS_KEYS_RPM there are INHOUSE_LIMITS_KEYS_REQUESTS_PER_MINUTE, INHOUSE_LIMITS_KEYS_TOKENS_PER_MINUTE, INHOUSE_LIMITS_KEYS_CONCURRENCY',
  ])
  const service = ['HOST', 'PORT', 'PORT_HTTP'].map((name) => `INHOUSE_SERVICE_${name}`)
  const links = ['', '_4141_TCP', '_4141_TCP_PROTO', '_4141_TCP_ADDR'].map((name) => `INHOUSE_PORT${name}`)
  expect(
    told('HOME', 'INHOUSE_HOME', 'INHOUSE_KEY', 'INHOUSE_MINE', ...settings, ...service, ...links),
  ).toEqual([])
})
