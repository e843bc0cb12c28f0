import { expect, test } from 'bun:test'

import { loadConfig } from '../config/index.ts'
import { Failure } from '../core/failure.ts'
import { bannerText, calledAs, type Started } from './banner.ts'
import { paintFor } from './print.ts'

const { config } = loadConfig({ env: {}, cwd: '/nowhere', home: '/nowhere' })
const started: Started = {
  url: 'http://127.0.0.1:4141',
  hostname: '127.0.0.1',
  keyFile: '/home/me/in house/key',
  written: { file: '/home/me/in house/inhouse.yaml', sections: new Set() },
  config,
  troubles: [],
  device: 'EPYC, 2 cores',
  accelerator: 'cpu',
  measured: { row: 'small', speed: { promptTokensPerSecond: 800, outputTokensPerSecond: 125.4 } },
  machine: {
    platform: 'linux',
    arch: 'x64',
    cpu: 'EPYC',
    cores: 2,
    cpuFlags: new Set(),
    memoryBytes: 24 * 1024 ** 3,
    gpus: [{ vendor: 'nvidia', name: 'RTX 4090', memoryBytes: 24 * 1024 ** 3 }],
  },
  neighbours: [],
  command: 'npx inhouse',
}
const banner = (changes: Partial<Started> = {}): string =>
  bannerText({ ...started, ...changes }, paintFor({}))

test('the banner has the endpoint, the device with its speed, the hardware, and lines to paste', () => {
  const text = banner()
  expect(text).toContain('serves on http://127.0.0.1:4141/v1')
  expect(text).toContain('EPYC, 2 cores: 125 tokens/s')
  expect(text).toContain('NVIDIA RTX 4090, 24 GiB')
  expect(text).toContain('npx inhouse chat "Why is the sky blue?"')
  expect(text).toContain('curl http://127.0.0.1:4141/v1/chat/completions')
  expect(text).toContain(
    `export OPENAI_BASE_URL=http://127.0.0.1:4141/v1 OPENAI_API_KEY="$(cat '/home/me/in house/key')"`,
  )
})

test('it says plainly that the small model is for trying out, and what to bring instead on this machine', () => {
  expect(banner()).toContain('This small model is for trying out.')
  expect(banner()).toContain('npx inhouse models pull hf:Qwen/Qwen3-30B-A3B-GGUF:Q4_K_M')
  const better = { better: { backend: 'here', source: 'hf:x/y:Q4' } }
  expect(banner({ config: { ...config, models: better } })).not.toContain('trying out')
})

test('a listener beyond this machine is said loudly, one on it is not', () => {
  expect(banner({ hostname: '0.0.0.0' })).toContain('! Other machines can reach this server')
  expect(banner()).not.toContain('Other machines')
})

test('a model that is not served is told with its reason, and is not the one of the examples', () => {
  const failure = new Failure('model_missing', 'x.gguf is gone.')
  const models = { lost: { backend: 'here', source: 'file:/x.gguf' }, small: config.models['small'] ?? {} }
  const text = banner({ config: { ...config, models }, troubles: [{ row: 'lost', failure }] })
  expect(text).toContain('! lost is not served: x.gguf is gone.')
  expect(text).toContain('"model":"small"')
})

test('commands to paste name the home where it is not the usual one', () => {
  expect(calledAs('inhouse', '/usual', '/usual')).toBe('inhouse')
  const command = calledAs('npx inhouse', '/my home', '/usual')
  expect(banner({ command })).toContain(`npx inhouse --home '/my home' chat "Why is the sky blue?"`)
})

test('a second listener, for clients that know no key, is told with its key', () => {
  expect(banner()).not.toContain('Keyless')
  const compat = { listen: '127.0.0.1:11434', key: 'apps' }
  expect(banner({ config: { ...config, compat } })).toMatch(
    /Keyless +http:\/\/127\.0\.0\.1:11434, as the key apps$/m,
  )
})

test('an engine that already answers on this machine is offered, but not one that the config has', () => {
  const url = 'http://127.0.0.1:11434/v1'
  const neighbours = [{ kind: 'ollama', url, version: '0.17.4', models: ['llama3.2:1b', 'b'] }] as const
  const text = banner({ neighbours })
  expect(text).toContain('ollama 0.17.4 already answers on this machine')
  expect(text).toContain(`ollama: { kind: ollama, url: ${url} }`)
  expect(text).toContain('"llama3.2:1b": { backend: ollama }')
  const backends = { mine: { kind: 'openai-compatible', url } } as Started['config']['backends']
  expect(banner({ neighbours, config: { ...config, backends } })).not.toContain('already answers')
})

test('a GPU that is idle is told with the command that brings its engine, one at work is not', () => {
  expect(banner()).toContain('npx inhouse engines install --accelerator cuda')
  expect(banner({ accelerator: 'cuda' })).not.toContain('engines install')
})
