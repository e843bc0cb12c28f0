import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, setDefaultTimeout, test } from 'bun:test'

import { withLock } from './lock.ts'

// Processes start slowly on a busy machine.
setDefaultTimeout(60_000)

/** In a process of its own: `true` when it gets the lock at once. */
const canTake = (path: string): boolean => {
  const script = `
    const { withLock } = await import(${JSON.stringify(join(import.meta.dir, 'lock.ts'))})
    const signal = AbortSignal.abort()
    await withLock(${JSON.stringify(path)}, { signal }, () => console.log('taken')).catch(() => {})`
  return Bun.spawnSync([process.execPath, '-e', script]).stdout.toString() === 'taken\n'
}

test('a lock that others of its process wait for is still kept from other processes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lock-'))
  const path = join(folder, 'one')
  const order: string[] = []
  const [holds, until] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const first = withLock(path, {}, async () => {
    holds.resolve()
    await until.promise
    order.push('first')
  })
  await holds.promise
  const waits = Promise.withResolvers<void>()
  const second = withLock(path, { onProgress: () => waits.resolve() }, () =>
    Promise.resolve(order.push('second')),
  )
  await waits.promise
  expect(canTake(path)).toBe(false)
  until.resolve()
  await Promise.all([first, second])
  expect(order).toEqual(['first', 'second'])
  expect(canTake(path)).toBe(true)
  await rm(folder, { recursive: true })
})
