import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'

import { ResponseStore, type KeepSettings, type KeptResponse } from './response-store.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 100)
const hourMs = 3_600_000
const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
const decode = (bytes: Uint8Array | undefined): unknown =>
  bytes === undefined ? undefined : JSON.parse(new TextDecoder().decode(bytes))

let home = ''
let now = 1_000
let settings: KeepSettings
let store: ResponseStore

const open = (): Promise<ResponseStore> =>
  ResponseStore.open({ home, clock: { now: () => now }, settings: () => settings })

/** Noise that does not compress, so that it takes as much room as it has bytes. */
const noise = (bytes: number): string =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex')

const response = (id: string, text = 'yes', more: Partial<KeptResponse> = {}): KeptResponse => ({
  id,
  input: encode([{ role: 'user', content: `may I? ${text}` }]),
  resource: encode({ id, output: [{ id: `msg_${id}`, type: 'message', content: text }] }),
  items: [`msg_${id}`],
  ...more,
})

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'inhouse-responses-'))
  now = 1_000
  settings = { store: true, keepHours: 24, maxBytes: 1024 ** 2 }
  store = await open()
})

afterEach(async () => {
  await store.close()
  await rm(home, { recursive: true })
})

const itemsOf = (owner: string, ids: readonly string[], maxBytes = 1e6) =>
  store.items(owner, new Set(ids), maxBytes)

/** All that lies in the home, as one text. */
async function onDisk(): Promise<Buffer> {
  const files = await Array.fromAsync(new Bun.Glob('**').scan({ cwd: home, dot: true }))
  return Buffer.concat(await Promise.all(files.map((file) => Bun.file(join(home, file)).bytes())))
}

test('any response comes back as it was kept, with all its parts, also after a restart', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 3000 }),
      fc.uint8Array({ maxLength: 3000 }),
      fc.option(fc.uint8Array({ minLength: 1, maxLength: 300 })),
      async (input, resource, events) => {
        await store.keep('key_a', { id: 'r', input, resource, items: [], ...(events !== null && { events }) })
        await store.close()
        store = await open()
        expect(Buffer.from((await store.input('key_a', 'r')) ?? [0]).equals(input)).toBe(true)
        expect(Buffer.from((await store.resource('key_a', 'r')) ?? [0]).equals(resource)).toBe(true)
        expect((await store.events('key_a', 'r'))?.length).toBe(events?.length)
      },
    ),
    { numRuns: Math.min(numRuns, 30) },
  )
})

test('a large response comes back whole', async () => {
  settings = { ...settings, maxBytes: 1e8 }
  const resource = encode({ output: [], text: noise(400_000) })
  await store.keep('key_a', response('r', 'x', { resource }))
  expect(Buffer.from((await store.resource('key_a', 'r')) ?? []).equals(resource)).toBe(true)
})

test('no word of it can be read on the disk, while it is open and after', async () => {
  const words = 'The merger is on Friday.'
  await store.keep('key_a', response('r', words, { events: encode({ delta: words }) }))
  expect(decode(await store.resource('key_a', 'r'))).toMatchObject({ output: [{ content: words }] })
  for (const disk of [await onDisk(), await store.close().then(onDisk)]) {
    expect(disk.length).toBeGreaterThan(1000)
    for (const word of [
      words,
      'merger',
      Buffer.from(words).toString('base64'),
      Buffer.from(words).toString('hex'),
    ])
      expect(disk.includes(word)).toBe(false)
  }
  store = await open()
})

test('the key lies in a file for its owner alone, made at first use and used from then on', async () => {
  const file = Bun.file(join(home, 'responses.key'))
  expect(await file.exists()).toBe(false)
  await Promise.all([store.keep('key_a', response('one')), store.keep('key_a', response('two'))])
  const key = await file.text()
  expect((await stat(join(home, 'responses.key'))).mode & 0o777).toBe(0o600)
  await store.close()
  store = await open()
  await store.keep('key_a', response('three'))
  expect(await file.text()).toBe(key)
  expect(await store.resource('key_a', 'one')).toBeDefined()
  expect(await store.resource('key_a', 'two')).toBeDefined()
})

test('without its key, or with another, nothing can be read, and new responses are kept', async () => {
  await store.keep('key_a', response('one'))
  await store.close()
  await rm(join(home, 'responses.key'))
  store = await open()
  expect(await store.resource('key_a', 'one')).toBeUndefined()
  await store.keep('key_a', response('two'))
  expect(await store.resource('key_a', 'two')).toBeDefined()
})

test('a response is found by the key that made it alone, whatever another key does with its id', async () => {
  await store.keep('key_a', response('r', 'from a'))
  for (const part of ['resource', 'input', 'events'] as const)
    expect(await store[part]('key_b', 'r')).toBeUndefined()
  expect(await itemsOf('key_b', ['msg_r'])).toEqual(new Map())
  expect(await store.remove('key_b', 'r')).toBe(false)
  await store.keep('key_b', response('r', 'from b'))
  expect(decode(await store.resource('key_a', 'r'))).toMatchObject({ output: [{ content: 'from a' }] })
  expect(decode(await store.resource('key_b', 'r'))).toMatchObject({ output: [{ content: 'from b' }] })
})

test('the sealed part of one key put in the row of another does not open', async () => {
  await store.keep('key_a', response('r'))
  const sealed = await store.seal.close(encode('secret'), JSON.stringify(['key_a', 'r', 'input']))
  expect(await store.seal.open(sealed, JSON.stringify(['key_b', 'r', 'input']))).toBeUndefined()
  expect(decode(await store.seal.open(sealed, JSON.stringify(['key_a', 'r', 'input'])))).toBe('secret')
})

describe('when its time is over', () => {
  test('a response is not found from that moment on, and gone from the disk at the next purge', async () => {
    await store.keep('key_a', response('r', noise(2000)))
    const sealed = (await onDisk()).length
    now += 24 * hourMs - 1
    expect(await store.resource('key_a', 'r')).toBeDefined()
    now += 1
    expect(await store.resource('key_a', 'r')).toBeUndefined()
    expect(await itemsOf('key_a', ['msg_r'])).toEqual(new Map())
    await store.purge()
    now -= 24 * hourMs
    expect(await store.resource('key_a', 'r')).toBeUndefined()
    expect(sealed).toBeGreaterThan(2000)
  })

  test('what is deleted is overwritten in the file', async () => {
    await store.keep('key_a', response('r'))
    const other = new Database(join(home, 'responses.db'), { readonly: true })
    const row = other.query('SELECT resource FROM response').get() as { resource: Uint8Array }
    other.close(true)
    expect((await onDisk()).includes(row.resource)).toBe(true)
    expect(await store.remove('key_a', 'r')).toBe(true)
    expect((await onDisk()).includes(row.resource)).toBe(false)
  })

  test('what is over is in no file any more after the purge', async () => {
    await store.keep('key_a', response('r'))
    const other = new Database(join(home, 'responses.db'), { readonly: true })
    const row = other.query('SELECT resource FROM response').get() as { resource: Uint8Array }
    now += 24 * hourMs
    expect((await onDisk()).includes(row.resource)).toBe(true)
    // Whoever reads at that moment keeps it in the log; the next purge empties it.
    other.run('BEGIN')
    other.query('SELECT id FROM response').all()
    await store.purge()
    other.run('COMMIT')
    await store.purge()
    other.close(true)
    expect((await onDisk()).includes(row.resource)).toBe(false)
  })

  test('those of before go where none are kept any more', async () => {
    await store.keep('key_a', response('r'))
    settings = { ...settings, store: false }
    expect(await store.resource('key_a', 'r')).toBeUndefined()
    await store.purge()
    settings = { ...settings, store: true }
    expect(await store.resource('key_a', 'r')).toBeUndefined()
  })
})

describe('where room is short', () => {
  test('the oldest responses go, and all together never take more than they may', async () => {
    settings = { ...settings, maxBytes: 20_000 }
    for (let at = 0; at < 40; at++) {
      now += 1
      await store.keep('key_a', response(`r${at}`, noise(500)))
    }
    const left: number[] = []
    for (let at = 0; at < 40; at++) if ((await store.resource('key_a', `r${at}`)) !== undefined) left.push(at)
    expect(left.length).toBeGreaterThan(5)
    expect(left.length).toBeLessThan(20)
    expect(left).toEqual(Array.from({ length: left.length }, (_, at) => 40 - left.length + at))
  })

  test('a response that is larger than all may be is refused, and takes no other’s place', async () => {
    settings = { ...settings, maxBytes: 10_000 }
    await store.keep('key_a', response('small'))
    expect(store.keep('key_a', response('large', noise(20_000)))).rejects.toMatchObject({ code: 'too_large' })
    expect(await store.resource('key_a', 'small')).toBeDefined()
  })
})

test('a damaged file is refused with what to do about it', async () => {
  await store.close()
  await Bun.write(join(home, 'responses.db'), 'no store at all '.repeat(1000))
  expect(open()).rejects.toMatchObject({ code: 'store_damaged', help: expect.stringContaining('Move') })
  await rm(join(home, 'responses.db'))
  store = await open()
})

test('an item is found by its id until its response goes', async () => {
  await store.keep('key_a', response('one', 'first'))
  await store.keep('key_a', response('two', 'second'))
  const found = await itemsOf('key_a', ['msg_one', 'msg_two', 'msg_none'])
  expect([...found.keys()].toSorted()).toEqual(['msg_one', 'msg_two'])
  expect(decode(found.get('msg_two'))).toMatchObject({ content: 'second' })
  await store.remove('key_a', 'one')
  expect([...(await itemsOf('key_a', ['msg_one', 'msg_two'])).keys()]).toEqual(['msg_two'])
})

test('items that take more than there is room for are refused', async () => {
  await store.keep('key_a', response('one', 'x'.repeat(600)))
  await store.keep('key_a', response('two', 'x'.repeat(600)))
  expect((await itemsOf('key_a', ['msg_one'], 1000)).size).toBe(1)
  expect(itemsOf('key_a', ['msg_one', 'msg_two'], 1000)).rejects.toMatchObject({ code: 'too_large' })
})
