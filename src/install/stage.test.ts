import { afterEach, beforeEach, expect, test, setDefaultTimeout } from 'bun:test'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { withLock } from './lock.ts'
import { stage, unstage } from './stage.ts'

// Processes start slowly on a busy machine.
setDefaultTimeout(60_000)

let home = ''
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'stage-'))
})
afterEach(() => rm(home, { recursive: true, force: true }))

const here = (name: string) => JSON.stringify(join(import.meta.dir, name))

/** A process that installs `engines/x` slowly, and says when it has begun. */
const slowInstaller = () =>
  Bun.spawn(
    [
      'bun',
      '-e',
      `import { stage } from ${here('stage.ts')}
      await stage(process.argv[1], 'engines/x', async (folder) => {
        await Bun.write(folder + '/who', String(process.pid))
        console.log('begun')
        await new Promise(() => setInterval(() => {}, 1000))
      })`,
      home,
    ],
    { stdout: 'pipe' },
  )

test('a folder appears whole under its name, and the next caller finds it', async () => {
  let made = 0
  const make = async (folder: string) => {
    made += 1
    expect(await readdir(home)).not.toContain('engines')
    await writeFile(join(folder, 'a'), 'content')
  }
  const path = await stage(home, 'engines/x-1.0', make)
  expect(await readFile(join(path, 'a'), 'utf8')).toBe('content')
  expect(await stage(home, 'engines/x-1.0', make)).toBe(path)
  expect(made).toBe(1)
  expect(await readdir(join(home, 'tmp'))).toEqual([])
})

test('work that fails leaves nothing behind', async () => {
  const work = stage(home, 'engines/x', async (folder) => {
    await writeFile(join(folder, 'a'), 'half')
    throw new Error('broken')
  })
  expect(await work.catch(String)).toBe('Error: broken')
  expect(await readdir(join(home, 'tmp'))).toEqual([])
  expect(await readdir(home)).not.toContain('engines')
})

test('an installer that is killed leaves no lock, and its half-made folder is swept', async () => {
  const killed = slowInstaller()
  for await (const said of killed.stdout) if (said.length > 0) break
  expect(await readdir(join(home, 'tmp'))).toEqual(['engines-x'])
  killed.kill('SIGKILL')
  await killed.exited
  const path = await stage(home, 'engines/x', (folder) => writeFile(join(folder, 'a'), 'whole'))
  expect(await readdir(path)).toEqual(['a'])
  expect(await readdir(join(home, 'tmp'))).toEqual([])
})

test('of two processes that install the same, one does and the other finds it', async () => {
  const other = Bun.spawn(
    [
      'bun',
      '-e',
      `import { stage } from ${here('stage.ts')}
      await stage(process.argv[1], 'engines/x', async (folder) => {
        await Bun.write(folder + '/who', 'other')
        console.log('begun')
        for await (const _ of Bun.stdin.stream()) break
      })`,
      home,
    ],
    { stdout: 'pipe', stdin: 'pipe' },
  )
  for await (const said of other.stdout) if (said.length > 0) break
  let waited = false
  const path = await stage(home, 'engines/x', () => Promise.reject(new Error('made twice')), {
    onProgress: () => {
      if (waited) return
      waited = true
      void other.stdin.write('go on\n')
      void other.stdin.end()
    },
  })
  expect(await readFile(join(path, 'who'), 'utf8')).toBe('other')
  expect(await other.exited).toBe(0)
})

test('a lock is held against others in the same process too, and given back after a failure', async () => {
  const order: string[] = []
  const lock = join(home, 'locks', 'a')
  const work = (name: string) =>
    withLock(lock, {}, async () => {
      order.push(`${name} in`)
      await Bun.sleep(1)
      order.push(`${name} out`)
      throw new Error(name)
    }).catch(String)
  await Promise.all([work('one'), work('two')])
  expect(order).toEqual(
    order[0] === 'one in'
      ? ['one in', 'one out', 'two in', 'two out']
      : ['two in', 'two out', 'one in', 'one out'],
  )
})

test('a wait for a lock can be called off', async () => {
  const lock = join(home, 'locks', 'a')
  const stop = new AbortController()
  await withLock(lock, {}, async () => {
    const wait = withLock(
      lock,
      { signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) },
      () => Promise.resolve('taken'),
    )
    expect(await wait.catch(String)).toBe('Error: enough')
  })
})

test('an installed folder that is taken away can be installed again', async () => {
  const make = (folder: string) => writeFile(join(folder, 'a'), '')
  await stage(home, 'engines/x', make)
  await mkdir(join(home, 'engines', 'y'))
  await unstage(home, 'engines/x')
  expect(await readdir(join(home, 'engines'))).toEqual(['y'])
  await unstage(home, 'engines/x')
  await stage(home, 'engines/x', make)
  expect((await readdir(join(home, 'engines'))).toSorted()).toEqual(['x', 'y'])
})
