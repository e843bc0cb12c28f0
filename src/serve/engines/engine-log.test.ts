import { expect, test } from 'bun:test'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { EngineLog } from './engine-log.ts'

test('a log that grows too long is cut, one older file is kept, and the engine writes on', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'inhouse-log-'))
  const path = join(folder, 'logs', 'engine-x.log')
  const log = new EngineLog(path, { maxBytes: 1000, checkMs: 1_000_000 })
  const say = (text: string) => Bun.spawnSync(['sh', '-c', `printf '%s' '${text}'`], { stdout: log.fd })
  say('a'.repeat(1001))
  log.rotate()
  expect((await stat(path)).size).toBe(0)
  expect((await stat(`${path}.1`)).size).toBe(1001)
  say('after')
  expect(await readFile(path, 'utf8')).toBe('after')
  expect(log.tail()).toBe('after')
  log.close()
  await rm(folder, { recursive: true })
})

test('the last words are those of this start, not of an earlier one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'inhouse-log-'))
  const path = join(folder, 'engine-x.log')
  await Bun.write(path, 'out of memory\n')
  const log = new EngineLog(path)
  expect(log.tail()).toBe('')
  Bun.spawnSync(['sh', '-c', 'echo now'], { stdout: log.fd })
  expect(log.tail()).toBe('now\n')
  log.close()
  await rm(folder, { recursive: true })
})
