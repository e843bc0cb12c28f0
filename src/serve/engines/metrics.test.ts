import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import { readLoad, readSamples } from './metrics.ts'
import { vllm } from './kinds/vllm.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)

/** As vLLM 0.32 says it. */
const vllmText = `# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="smol"} 2.0
vllm:num_requests_running{engine="1",model_name="a \\"}\\" b"} 1.0
vllm:num_requests_waiting{engine="0",model_name="smol"} 0.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="smol",reason="capacity"} 7.0
vllm:kv_cache_usage_perc{engine="0",model_name="smol"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="smol"} 5e-1 1700000000
vllm:kv_cache_usage_perc_created{engine="0",model_name="smol"} 1.7e+09
`

describe('the figures of an engine', () => {
  test('are summed over its parts, and a longer name is another figure', () => {
    expect(vllm.metrics && readLoad(vllmText, vllm.metrics)).toEqual({
      running: 3,
      waiting: 0,
      cacheUse: 0.5,
    })
  })

  test('that are not there are left out and not taken for 0', () => {
    expect(readLoad('', { path: '/metrics', running: ['a'], waiting: ['b'] })).toEqual({})
    expect(readLoad('a NaN\nb +Inf', { path: '/metrics', running: ['a'], waiting: ['b'] })).toEqual({})
  })

  test('of the ranks that share a model count once', () => {
    const text = 'sglang:x{tp_rank="0",pp_rank="0"} 4\nsglang:x{tp_rank="1",pp_rank="0"} 4'
    expect(readSamples(text, new Set(['sglang:x'])).get('sglang:x')).toEqual([4])
  })

  test('are read back as they were written, whatever the labels hold', () => {
    const name = fc.stringMatching(/^[a-zA-Z_:][\w:]{0,20}$/)
    const label = fc.tuple(fc.stringMatching(/^[a-z]{1,8}$/), fc.string())
    const value = fc.double({ noNaN: true, noDefaultInfinity: true })
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.array(label), value)), (lines) => {
        const escaped = (text: string) =>
          text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
        const text = lines
          .map(([of, labels, figure]) => {
            const inside = labels.map(([key, said]) => `${key}="${escaped(said)}"`).join(',')
            return `# HELP ${of} text\n${of}${inside === '' ? '' : `{${inside}}`} ${figure}\n`
          })
          .join('')
        const expected = new Map<string, number[]>()
        for (const [of, , figure] of lines) expected.set(of, [...(expected.get(of) ?? []), figure + 0])
        expect(readSamples(text, new Set(lines.map(([of]) => of)))).toEqual(expected)
      }),
      { numRuns },
    )
  })

  test('of any text at all are numbers or nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 500 }), (noise) => {
        const { running } = readLoad(`${noise}\na{x="${noise}"} 3`, {
          path: '/',
          running: ['a'],
          waiting: [],
        })
        expect(running === undefined || Number.isFinite(running)).toBe(true)
      }),
      { numRuns },
    )
  })

  test('of an endless text are looked for in its beginning alone', () => {
    const text = `${'b 1\n'.repeat(20_000)}a 1\n`
    expect(readSamples(text, new Set(['a'])).size).toBe(0)
  })
})
