import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { EngineLog } from './engine-log.ts'

let folder = ''
let path = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inhouse-log-'))
  path = join(folder, 'logs', 'engine-x.log')
})
afterEach(() => rm(folder, { recursive: true }))

const say = (log: EngineLog, text: string) => log.write(Buffer.from(text))

test('a log that grows too long begins anew, and one older file is kept', async () => {
  const log = new EngineLog(path, 1000)
  say(log, 'a'.repeat(1001))
  say(log, 'after')
  expect(await readFile(path, 'utf8')).toBe('after')
  expect(await readFile(`${path}.1`, 'utf8')).toBe('a'.repeat(1001))
  expect(log.tail()).toBe(`${'a'.repeat(1001)}after`)
  log.close()
})

test('the length that a log has from earlier starts counts', async () => {
  await Bun.write(path, 'b'.repeat(1001))
  const log = new EngineLog(path, 1000)
  say(log, 'after')
  log.close()
  expect(await readFile(path, 'utf8')).toBe('after')
})

test('the last words are those of this start: not of an earlier one, nor of another process with the same log', async () => {
  await Bun.write(path, 'out of memory\n')
  const [ours, other] = [new EngineLog(path), new EngineLog(path)]
  expect(ours.tail()).toBe('')
  say(ours, 'invalid magic\n')
  say(other, 'out of memory\n'.repeat(1000))
  expect(ours.tail()).toBe('invalid magic\n')
  expect(await readFile(path, 'utf8')).toContain('invalid magic\n')
  ours.close()
  other.close()
})
