import fc from 'fast-check'
import { expect, test } from 'bun:test'

import { sseData } from './sse.ts'

const messages = ['{"text":"Grüße 🌍"}', 'two\nlines', '[DONE]']
const body = new TextEncoder().encode(
  `: comment\n\n${messages.map((message) => `data: ${message.replaceAll('\n', '\ndata: ')}\n\n`).join(': beat\n\n')}`,
)

test('the same messages come out wherever the bytes are split', async () => {
  const cuts = fc.array(fc.integer({ min: 0, max: body.length }), { maxLength: 10 })
  await fc.assert(
    fc.asyncProperty(cuts, async (at) => {
      const edges = [0, ...at.toSorted((a, b) => a - b), body.length]
      const stream = new ReadableStream<Uint8Array>({
        start: (controller) => {
          for (const [index, edge] of edges.slice(1).entries())
            controller.enqueue(body.slice(edges[index], edge))
          controller.close()
        },
      })
      expect(await Array.fromAsync(sseData(stream))).toEqual(messages)
    }),
    { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 1000) },
  )
})
