import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import type { Opening } from '../../core/backend.ts'
import {
  fetchTimeoutMs,
  never,
  quickSettings,
  realModel,
  testClock,
  testHome,
  testLog,
} from '../../testing/real-engine.ts'
import { realVllm } from '../../testing/real-vllm.ts'
import { createEngines, type Engines } from './engines.ts'

const isHeavy = process.env['INHOUSE_HEAVY'] === '1'
const vllm = isHeavy ? await realVllm(await realModel()) : undefined

const post = (opening: Opening, path: string, body: object): Promise<Response> =>
  fetch(opening.url + path, {
    method: 'POST',
    headers: { ...opening.headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    proxy: false,
  } as RequestInit)

const hello = { messages: [{ role: 'user', content: 'Say hello.' }], max_tokens: 8, temperature: 0 }

/** The engine and all that it started: they share its group. */
const groupOf = (pid: number): string[] =>
  Bun.spawnSync(['ps', '-eo', 'pgid=,pid=,args='])
    .stdout.toString()
    .split('\n')
    .filter((line) => Number(line.trim().split(/\s+/)[0]) === pid)

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await Bun.sleep(50)
}

describe.skipIf(vllm === undefined)('the real vLLM, run by inhouse', () => {
  const log = testLog()
  let engines: Engines
  let opening: Opening
  const pid = (): number =>
    Number(/"pid":(\d+)/.exec(log.lines.findLast((line) => line.startsWith('model loaded')) ?? '')?.[1])

  beforeAll(async () => {
    const { program = '', model = '', adapter = '' } = vllm ?? {}
    const settings = quickSettings({ programs: { vllm: program }, startTimeoutMs: 5 * 60_000 })
    const big = {
      row: 'big',
      engine: 'vllm',
      modelPath: model,
      context: 2048,
      slots: 4,
      env: { VLLM_CPU_KVCACHE_SPACE: '1' },
      extraArgs: [
        '--dtype',
        'float32',
        '--enforce-eager',
        '--enable-auto-tool-choice',
        '--tool-call-parser',
        'hermes',
      ],
      adapters: { odd: { path: adapter } },
    } as const
    engines = createEngines({ home: testHome, settings, rows: [big], clock: testClock, log })
    opening = await engines.open('big', never)
  }, fetchTimeoutMs)
  afterAll(() => engines.stop())

  test('answers chat by the name of its row, with usage and times, and wants its key', async () => {
    const answer = (await (
      await post(opening, '/v1/chat/completions', { ...hello, model: 'big' })
    ).json()) as {
      model: string
      choices: { message: { content: string } }[]
      usage: { completion_tokens: number; prompt_tokens_details: { cached_tokens: number } }
      metrics: { time_to_first_token_ms: number }
    }
    expect(answer.model).toBe('big')
    expect(answer.choices[0]?.message.content).not.toBe('')
    expect(answer.usage.prompt_tokens_details.cached_tokens).toBeNumber()
    expect(answer.metrics.time_to_first_token_ms).toBeGreaterThan(0)
    const stranger = await post({ ...opening, headers: {} }, '/v1/chat/completions', {
      ...hello,
      model: 'big',
    })
    expect(stranger.status).toBe(401)
  }, 120_000)

  test('streams, takes a tool that must be called, and counts a chat', async () => {
    const stream = await post(opening, '/v1/chat/completions', { ...hello, model: 'big', stream: true })
    expect(await stream.text()).toEndWith('data: [DONE]\n\n')
    const tool = {
      type: 'function',
      function: { name: 'look', parameters: { type: 'object', properties: {} } },
    }
    const choice = { type: 'function', function: { name: 'look' } }
    const called = await post(opening, '/v1/chat/completions', {
      ...hello,
      model: 'big',
      tools: [tool],
      tool_choice: choice,
      max_tokens: 64,
    })
    expect(await called.text()).toContain('"name":"look"')
    const counted = await post(opening, '/tokenize', { model: 'big', messages: hello.messages })
    expect(((await counted.json()) as { count: number }).count).toBeGreaterThan(5)
  }, 240_000)

  test('has its adapter as a model of its own', async () => {
    const said = async (model: string) => {
      const answer = await post(opening, '/v1/chat/completions', { ...hello, model })
      return ((await answer.json()) as { choices: { message: { content: string } }[] }).choices[0]?.message
        .content
    }
    expect(await said('big:odd')).not.toBe(await said('big'))
  }, 240_000)

  test('says how busy it is', async () => {
    await until(() => engines.status().rows[0]?.load !== undefined)
    const figures = Object.entries(engines.status().rows[0]?.load ?? {})
    expect(figures.map(([name]) => name)).toEqual(['running', 'waiting', 'cacheUse'])
    expect(figures.every(([, figure]) => figure >= 0)).toBe(true)
  }, 60_000)

  test('leaves nobody behind when it is killed, comes back, and leaves nobody behind when it is stopped', async () => {
    const first = pid()
    expect(groupOf(first).length).toBeGreaterThan(3)
    process.kill(first, 'SIGKILL')
    await until(() => engines.status().rows[0]?.state !== 'ready')
    await until(() => groupOf(first).length === 0)
    opening.close()
    opening = await engines.open('big', never)
    expect((await post(opening, '/v1/chat/completions', { ...hello, model: 'big' })).status).toBe(200)
    const second = pid()
    await engines.stop()
    expect(groupOf(second)).toEqual([])
  }, 600_000)
})
