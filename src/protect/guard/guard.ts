import type { Clock } from '../../core/clock.ts'
import { Failure } from '../../core/failure.ts'
import type { Admission, Demand, Guard, Identity } from '../../core/guard.ts'
import { matchName } from '../../core/names.ts'
import type { Usage } from '../../core/usage.ts'
import type { KeyStore } from './key-store.ts'
import type { Key } from './key-table.ts'
import { readSecret } from './keys.ts'
import type { Counters, Limit, Limits, Refusal } from './limits.ts'

/** The limits of the config. Models may be wildcards; the nearest entry counts, as in routing. */
export interface LimitPolicy {
  /** For each key that says nothing of its own. */
  readonly keys: Limits
  readonly teams: Readonly<Record<string, Limits>>
  readonly models: Readonly<Record<string, Limits>>
}

export interface GuardDeps {
  readonly keys: Pick<KeyStore, 'find' | 'list' | 'touch' | 'refresh'>
  readonly counters: Counters
  readonly policy: LimitPolicy
  readonly clock: Pick<Clock, 'now'>
}

/**
 * A reload makes a new guard over the same counters: what was taken stays taken, and by `carry` the calls that run count
 * under limits that it adds. What ended before is in no new limit.
 */
export function createGuard({ keys, counters, policy, clock }: GuardDeps): Guard {
  const modelNames = Object.keys(policy.models)
  const ofTeam = limitsByName('team', policy.teams)
  const ofModel = limitsByName('model', policy.models)
  const identities = new WeakMap<Key, Identity>()
  const ofKey = new WeakMap<Identity, readonly Limit[]>()

  const ownLimits = ({ key: id, name }: Identity, key = keys.list().find((one) => one.id === id)) =>
    limitsOf('key', id, `key ${name}`, { ...policy.keys, ...key?.limits })

  /** Worked out once a key: the request path only looks things up. */
  const introduce = (key: Key): Identity => {
    const { id, name, team, tags, models, places, admin } = key
    const identity = { key: id, name, team, tags, models, places, admin }
    identities.set(key, identity)
    ofKey.set(identity, ownLimits(identity, key))
    return identity
  }

  /** The order is fixed: key, team, model. */
  const limitsFor = (own: readonly Limit[], { team }: Identity, demand: Demand): readonly Limit[] => {
    const asked = matchName(demand.model, modelNames)
    const row = matchName(demand.row, modelNames)
    return joined(
      own,
      team === undefined ? undefined : ofTeam.get(team),
      asked === undefined ? undefined : ofModel.get(asked),
      row === undefined || row === asked ? undefined : ofModel.get(row),
    )
  }

  const admitKey = (key: Key): Identity => {
    if (key.revokedAt !== undefined) throw new Failure('key_revoked', `The key ${key.name} was revoked.`)
    if (key.expiresAt !== undefined && key.expiresAt <= clock.now()) {
      throw new Failure('key_expired', `The key ${key.name} has expired.`)
    }
    keys.touch(key)
    return identities.get(key) ?? introduce(key)
  }

  return {
    identify: (secret) => admitKey(findKey(keys, secret)),

    refresh: () => keys.refresh(),

    identifyNamed(name) {
      const named = keys.list().filter((key) => key.name === name)
      const key = named.find(({ revokedAt }) => revokedAt === undefined) ?? named.at(-1)
      if (key === undefined) throw new Failure('key_unknown', `There is no key named ${name}.`)
      return admitKey(key)
    },

    admit(identity, demand) {
      if (identity.models !== undefined && matchName(demand.model, identity.models) === undefined) {
        throw new Failure('model_not_allowed', {
          message: `The key ${identity.name} may not ask for this model.`,
          param: 'model',
        })
      }
      const limits = limitsFor(ofKey.get(identity) ?? ownLimits(identity), identity, demand)
      if (limits.length === 0) return unlimited
      const lease = counters.take(limits, demand.tokens)
      if ('limit' in lease) throw rateLimited(lease, demand)
      return { limits, close: (usage) => lease.close(tokensOf(usage)) }
    },

    carry(admission, identity, demand) {
      const known = new Set(admission.limits?.map(({ id }) => id))
      const limits = limitsFor(ownLimits(identity), identity, demand)
      const added = limits.filter(({ id }) => !known.has(id))
      if (added.length === 0) return admission
      const lease = counters.add(added, demand.tokens)
      return {
        limits: [...(admission.limits ?? []), ...added],
        close(usage) {
          admission.close(usage)
          lease.close(tokensOf(usage))
        },
      }
    },
  }
}

function findKey(keys: GuardDeps['keys'], secret: string | undefined): Key {
  if (secret === undefined || secret === '') throw new Failure('key_missing', 'The request carries no key.')
  return keys.find(secret) ?? refuse(readSecret(secret))
}

const unlimited: Admission = { close: () => undefined }

const refuse = (reading: ReturnType<typeof readSecret>): never => {
  throw new Failure('key_unknown', refusals[reading])
}

const refusals = {
  foreign: 'This is not a key of inhouse: those begin with ih-.',
  mistyped: 'The key is mistyped: its last characters do not fit.',
  whole: 'The key is well formed, but not known here.',
} as const

/** Most calls have limits of one kind, or none: no list is made for them. */
function joined(
  first: readonly Limit[],
  ...others: readonly (readonly Limit[] | undefined)[]
): readonly Limit[] {
  const more = others.flatMap((limits) => limits ?? [])
  return more.length === 0 ? first : [...first, ...more]
}

const units = ['requestsPerMinute', 'tokensPerMinute', 'concurrency'] as const

const limitsOf = (whose: string, id: string, owner: string, limits: Limits): readonly Limit[] =>
  units.flatMap((unit) => {
    const most = limits[unit]
    return most === undefined ? [] : [{ id: `${whose} ${id} ${unit}`, unit, most, owner }]
  })

const limitsByName = (
  whose: string,
  rows: Readonly<Record<string, Limits>>,
): ReadonlyMap<string, readonly Limit[]> =>
  new Map(
    Object.entries(rows).map(([name, limits]) => [name, limitsOf(whose, name, `${whose} ${name}`, limits)]),
  )

const unitText = {
  requestsPerMinute: 'requests a minute',
  tokensPerMinute: 'tokens a minute',
  concurrency: 'calls at once',
} as const

function rateLimited({ limit, retryAfterMs }: Refusal, demand: Demand): Failure {
  const allowed = `${limit.owner} is allowed ${limit.most} ${unitText[limit.unit]}`
  if (retryAfterMs !== Infinity) {
    return new Failure('rate_limited', { message: `The limit is reached: ${allowed}.`, retryAfterMs })
  }
  const isTooLong = limit.unit === 'tokensPerMinute' && limit.most > 0
  return new Failure('rate_limited', {
    message: isTooLong
      ? `This call may take ${demand.tokens} tokens, but ${allowed}: waiting does not help.`
      : `${limit.owner} is allowed no calls: waiting does not help.`,
    help: isTooLong ? 'Ask for less at once, or have the limit raised.' : 'Have the limit raised.',
  })
}

/** What nobody reports or estimates was not used. */
const tokensOf = ({ input, output }: Usage): number => (input?.tokens ?? 0) + (output?.tokens ?? 0)
