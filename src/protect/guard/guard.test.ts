import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { Failure } from '../../core/failure.ts'
import type { Guard } from '../../core/guard.ts'
import { reported } from '../../core/usage.ts'
import { openStore } from '../../store/open.ts'
import type { Store } from '../../store/store.ts'
import { ensureFirstKey } from './first-key.ts'
import { createGuard } from './guard.ts'
import type { LimitPolicy } from './guard.ts'
import { KeyStore } from './key-store.ts'
import { keyTables } from './key-table.ts'
import { mintSecret } from './keys.ts'
import { localCounters } from './limits.ts'

let home: string
let store: Store
let keys: KeyStore
const clock = { now: 1_800_000_000_000, tick: 0 }
const time = { now: () => clock.now, tick: () => clock.tick }

const open = async (): Promise<{ store: Store; keys: KeyStore }> => {
  const opened = await openStore(join(home, 'inhouse.db'), { migrations: [keyTables] })
  return { store: opened, keys: await KeyStore.open(opened, time) }
}

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'guard-'))
  ;({ store, keys } = await open())
})

afterEach(async () => {
  await keys.close()
  await store.close()
  await rm(home, { recursive: true })
})

const noLimits: LimitPolicy = { keys: {}, teams: {}, models: {} }

const guardOf = (policy: Partial<LimitPolicy> = {}): Guard =>
  createGuard({ keys, counters: localCounters(time.tick), policy: { ...noLimits, ...policy }, clock: time })

const codeOf = (work: () => unknown): string => {
  try {
    work()
    return 'passed'
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    return error.code
  }
}

const rejection = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'passed',
    (error: unknown) => (error instanceof Failure ? error.code : String(error)),
  )

const ask = (model = 'small', tokens = 10) => ({ operation: 'chat', model, row: model, tokens }) as const

describe('identify', () => {
  test('a key that was made is known, with team, tags, models and places', async () => {
    const { key, secret } = await keys.create({
      name: 'alice',
      team: 'research',
      tags: ['a'],
      models: ['small'],
      places: ['local'],
    })
    expect(guardOf().identify(secret)).toEqual({
      key: key.id,
      name: 'alice',
      team: 'research',
      tags: ['a'],
      models: ['small'],
      places: ['local'],
      admin: false,
    })
  })

  test('no key, a foreign one, a mistyped one and an unknown one are refused, and never repeated', async () => {
    const { secret } = await keys.create({ name: 'alice' })
    const guard = guardOf()
    expect(codeOf(() => guard.identify(undefined))).toBe('key_missing')
    for (const wrong of ['sk-proj-0123', `${secret}x`, mintSecret()]) {
      expect(codeOf(() => guard.identify(wrong))).toBe('key_unknown')
      expect(() => guard.identify(wrong)).not.toThrow(wrong)
    }
  })

  test('only a key that was made so is an admin’s', async () => {
    const { secret: plain } = await keys.create({ name: 'plain' })
    const { secret: admin } = await keys.create({ name: 'ops', admin: true })
    expect([plain, admin].map((secret) => guardOf().identify(secret).admin)).toEqual([false, true])
  })

  test('keys of a store that knew no admins are none', async () => {
    const older = { ...keyTables, steps: keyTables.steps.slice(0, 1) }
    const path = join(home, 'older.db')
    const before = await openStore(path, { migrations: [older] })
    const row = `'id', 'hash', 'a', NULL, '[]', NULL, NULL, '{}', 1, NULL, NULL, NULL`
    await before.transaction((sql) => sql.run(`INSERT INTO api_key VALUES (${row})`, [[]]))
    await before.close()
    const now = await openStore(path, { migrations: [keyTables] })
    const known = await KeyStore.open(now, time)
    expect(known.list()).toMatchObject([{ name: 'a', admin: false }])
    await known.close()
    await now.close()
  })

  test('a key ends at its expiry', async () => {
    const { secret } = await keys.create({ name: 'short', expiresAt: clock.now + 1000 })
    const guard = guardOf()
    expect(codeOf(() => guard.identify(secret))).toBe('passed')
    clock.now += 1000
    expect(codeOf(() => guard.identify(secret))).toBe('key_expired')
  })

  test('the store holds nothing that a secret can be read from', async () => {
    const { secret } = await keys.create({ name: 'alice' })
    await keys.close()
    await store.close()
    const files = await readdir(home)
    const bytes = await Promise.all(files.map((name) => readFile(join(home, name), 'latin1')))
    expect(bytes.join('')).toContain('alice')
    expect(bytes.join('')).not.toContain(secret.slice(3, 20))
    ;({ store, keys } = await open())
  })
})

describe('another process', () => {
  test('sees a new key and a revoked one without being told', async () => {
    const other = await open()
    const { secret } = await other.keys.create({ name: 'made elsewhere' })
    const guard = guardOf()
    await until(() => codeOf(() => guard.identify(secret)) === 'passed')
    await other.keys.revoke('made elsewhere')
    await until(() => codeOf(() => guard.identify(secret)) === 'key_revoked')
    await other.keys.close()
    await other.store.close()
  })
})

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10))
}

describe('names', () => {
  test('a name is taken while its key is in force, and free after', async () => {
    const { key } = await keys.create({ name: 'alice' })
    expect(await rejection(keys.create({ name: 'alice' }))).toBe('usage_wrong')
    expect((await keys.revoke(key.id)).revokedAt).toBe(clock.now)
    await keys.create({ name: 'alice' })
    expect(keys.list().map((known) => known.revokedAt === undefined)).toContain(false)
    expect(await rejection(keys.revoke('bob'))).toBe('usage_wrong')
  })
})

describe('last use', () => {
  test('is written now and then, and not for every call', async () => {
    const { secret } = await keys.create({ name: 'alice' })
    const guard = guardOf()
    const written = async (): Promise<unknown> => {
      await keys.writeUsed()
      const [row] = await store.all('SELECT last_used_at FROM api_key')
      return row?.['last_used_at']
    }
    expect(await written()).toBeNull()
    guard.identify(secret)
    const first = clock.now
    expect(await written()).toBe(first)
    clock.now += 599_999
    guard.identify(secret)
    expect(await written()).toBe(first)
    clock.now += 1
    guard.identify(secret)
    expect(await written()).toBe(clock.now)
  })
})

describe('the first key', () => {
  test('is made once, for its owner alone, and works', async () => {
    const file = (await ensureFirstKey(home, keys)) ?? ''
    const secret = (await readFile(file, 'utf8')).trim()
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(guardOf().identify(secret).name).toBe('default')
    expect(await ensureFirstKey(home, keys)).toBe(file)
    expect((await readFile(file, 'utf8')).trim()).toBe(secret)
    expect((await readdir(home)).filter((name) => name.includes('.part'))).toEqual([])
  })

  test('is one key when several processes start at once', async () => {
    const others = await Promise.all([open(), open(), open()])
    await Promise.all(others.map((other) => ensureFirstKey(home, other.keys)))
    const [first] = others
    const secret = (await readFile(join(home, 'key'), 'utf8')).trim()
    expect(await store.all('SELECT name FROM api_key')).toHaveLength(1)
    expect(first?.keys.find(secret)?.name).toBe('default')
    for (const other of others) {
      await other.keys.close()
      await other.store.close()
    }
  })

  test('is not made again after its file was taken away', async () => {
    const file = (await ensureFirstKey(home, keys)) ?? ''
    await rm(file)
    expect(await ensureFirstKey(home, keys)).toBeUndefined()
    expect(keys.list()).toHaveLength(1)
  })

  test('a file that cannot be written leaves no key in the store', async () => {
    expect(await rejection(ensureFirstKey(join(home, 'inhouse.db', 'no folder'), keys))).toBe('store_failed')
    expect(keys.list()).toHaveLength(0)
  })
})

describe('admit', () => {
  test('a model outside of the key’s list is refused; a wildcard lets in what fits', async () => {
    const { secret } = await keys.create({ name: 'alice', models: ['small', 'claude-*'] })
    const guard = guardOf()
    const alice = guard.identify(secret)
    expect(codeOf(() => guard.admit(alice, ask('claude-opus')))).toBe('passed')
    expect(codeOf(() => guard.admit(alice, ask('small')))).toBe('passed')
    expect(codeOf(() => guard.admit(alice, ask('large')))).toBe('model_not_allowed')
  })

  test('key, team and model limits all count, and a key’s own limit goes before the general one', async () => {
    const a = await keys.create({ name: 'a', team: 't', limits: { requestsPerMinute: 3 } })
    const b = await keys.create({ name: 'b', team: 't' })
    const guard = guardOf({
      keys: { requestsPerMinute: 1 },
      teams: { t: { requestsPerMinute: 5 } },
      models: { 'la*': { concurrency: 1 } },
    })
    const count = (secret: string, model?: string): number => {
      const identity = guard.identify(secret)
      let passed = 0
      while (codeOf(() => guard.admit(identity, ask(model))) === 'passed') passed++
      return passed
    }
    expect(count(a.secret, 'large')).toBe(1)
    expect(count(a.secret)).toBe(2)
    expect(count(b.secret)).toBe(1)
    const c = await keys.create({ name: 'c', team: 't', limits: { requestsPerMinute: 100 } })
    expect(count(c.secret)).toBe(1)
  })

  test('a call that runs counts once under each limit that a reload adds, and in it no more when it ends', async () => {
    const { secret } = await keys.create({ name: 'alice', team: 't', limits: { concurrency: 2 } })
    const counters = localCounters(time.tick)
    const reloaded = (policy: Partial<LimitPolicy>) =>
      createGuard({ keys, counters, policy: { ...noLimits, ...policy }, clock: time })
    const before = reloaded({})
    const alice = before.identify(secret)
    const admitted = before.admit(alice, ask('small', 10))
    const after = reloaded({ teams: { t: { concurrency: 1, tokensPerMinute: 30 } } })
    let call = after.carry(admitted, alice, ask('small', 10))
    call = after.carry(call, alice, ask('small', 10))
    const again = after.identify(secret)
    expect(() => after.admit(again, ask('small', 10))).toThrow(/team t is allowed 1 calls at once/)
    call.close({ input: reported(20) })
    expect(() => after.admit(again, ask('small', 11))).toThrow(/team t is allowed 30 tokens/)
    // Its own limit was taken once, and given back.
    const calls = [reloaded({}), reloaded({})].map((guard) => guard.admit(guard.identify(secret), ask()))
    expect(calls).toHaveLength(2)
    expect(() => before.admit(alice, ask())).toThrow(/key alice is allowed 2 calls at once/)
  })

  test('a refusal says when to come back, and names whose limit it is', async () => {
    const { secret } = await keys.create({ name: 'alice', limits: { tokensPerMinute: 100 } })
    const guard = guardOf()
    const alice = guard.identify(secret)
    guard.admit(alice, ask('small', 60)).close({ input: reported(20), output: reported(30) })
    guard.admit(alice, ask('small', 50)).close({})
    const call = guard.admit(alice, ask('small', 50))
    clock.tick += 1000
    expect(() => guard.admit(alice, ask('small', 1))).toThrow(/key alice is allowed 100 tokens a minute/)
    try {
      guard.admit(alice, ask('small', 1))
    } catch (error) {
      expect((error as Failure).facts.retryAfterMs).toBe(59_000)
    }
    call.close({})
    expect(codeOf(() => guard.admit(alice, ask('small', 50)))).toBe('passed')
    expect(() => guard.admit(alice, ask('small', 101))).toThrow(/waiting does not help/)
  })
})
