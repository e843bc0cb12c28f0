import { describe, expect, test } from 'bun:test'
import { access, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { never, quickSettings, realModel, testClock, testHome, testLog } from '../../testing/real-engine.ts'
import { buildTimeoutMs, ollamaProgram } from '../../testing/real-ollama.ts'
import { createEngines } from './engines.ts'
import { filesPath } from './process.ts'

const isHeavy = process.env['INHOUSE_HEAVY'] === '1'

describe.skipIf(!isHeavy)('the real Ollama, run by inhouse', () => {
  test(
    'takes a file, answers in its own dialect, and keeps what it made of the file out of the user’s models',
    async () => {
      const row = {
        row: 'taken',
        engine: 'ollama',
        modelPath: await realModel(),
        context: 1024,
        slots: 2,
      } as const
      const settings = quickSettings({ programs: { ollama: await ollamaProgram() }, startTimeoutMs: 120_000 })
      const engines = createEngines({
        home: testHome,
        settings,
        rows: [row],
        clock: testClock,
        log: testLog(),
      })
      const opening = await engines.open('taken', never)
      const model = engines.speaks('taken')?.model
      const answer = await fetch(`${opening.url}/api/chat`, {
        method: 'POST',
        body: JSON.stringify({ model, stream: false, messages: [{ role: 'user', content: 'Say hello.' }] }),
        proxy: false,
      } as RequestInit)
      expect(((await answer.json()) as { message: { content: string } }).message.content).not.toBe('')
      const folder = filesPath(testHome, 'taken')
      await access(join(folder, 'models', 'manifests'))
      const missing = { ...row, row: 'missing', modelPath: '', model: 'nobody/has-this' }
      engines.reconfigure([row, missing], { ...settings, backoffMs: 1 })
      const failure = await engines.open('missing', never).catch((error: unknown) => error)
      expect(String(failure)).toContain('it has no model nobody/has-this')
      await engines.stop()
      await rm(folder, { recursive: true })
    },
    buildTimeoutMs,
  )
})
