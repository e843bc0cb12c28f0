import { Failure } from '../../core/failure.ts'
import type { Transport } from '../../core/send.ts'
import { createAsk, type Ask } from './ask.ts'
import { cloudAt, clouds } from './clouds.ts'
import type { Cloud, Engine, FoundModel } from './engine.ts'
import { engines } from './engines/index.ts'
import { isClosed } from './said.ts'
import { vulnerabilitiesOf, type Vulnerability } from './vulnerabilities.ts'

/** unknown: nobody answered. open: it asks nobody for a key. key: it took ours. wanted: it wants one. refused: it wants another one. */
export type Access = 'unknown' | 'open' | 'key' | 'wanted' | 'refused'

/** What stands at an address. */
export interface Found {
  /** The kind of backend that speaks its dialect. */
  readonly kind: string
  readonly title: string
  /** As a row of `backends` has it. */
  readonly url: string
  readonly version: string | undefined
  readonly access: Access
  /** Where its own tools read the key. */
  readonly keyEnv: string | undefined
  /** How the names of its models begin, where it has more than one would list. */
  readonly wildcard: string | undefined
  readonly models: readonly FoundModel[]
  readonly vulnerabilities: readonly Vulnerability[]
  readonly cautions: readonly string[]
}

export interface Probing {
  readonly transport: Transport
  readonly key?: string | undefined
  /** Whoever asks knows what it is: for servers behind a proxy, which hides their marks. */
  readonly kind?: string | undefined
  readonly timeoutMs?: number
  /** Models beyond these are listed without what only a question for each would tell. */
  readonly mostDetails?: number
}

/**
 * Finds out what stands at an address, without running a model. Throws the failure of the connection where nobody
 * answers, and `Failure('upstream_invalid')` where what answers is no server of models.
 */
export async function probe(url: string, probing: Probing): Promise<Found> {
  const { key, kind } = probing
  const cloud = kind === undefined ? cloudAt(new URL(url).hostname) : clouds.find(({ id }) => id === kind)
  const root = cloud?.root(rootOf(url)) ?? rootOf(url)
  let failure: Failure | undefined
  const asking = { ...probing, root, onFailure: (each: Failure) => void (failure ??= each) }
  const keyHeader = cloud?.keyHeader ?? ((text: string) => ({ authorization: `Bearer ${text}` }))
  const ask = createAsk({ ...asking, headers: key === undefined ? {} : keyHeader(key) })
  // One question says whether anybody is there at all.
  const listing = await ask('/v1/models')
  if (listing === undefined) throw silence(root, failure)
  const { engine, version } =
    cloud === undefined ? await recognised(ask, root, kind) : { engine: cloud, version: undefined }
  const models = await detailed(engine, ask, probing.mostDetails ?? 100)
  const access = await accessOf(ask, createAsk({ ...asking, headers: {} }), key, models.length > 0)
  return {
    kind: engine.id,
    title: engine.title,
    url: root + engine.base,
    version,
    access,
    keyEnv: cloud?.keyEnv,
    wildcard: cloud?.wildcard,
    models,
    vulnerabilities: vulnerabilitiesOf(engine.id, version),
    cautions: engine.cautions?.({ wantsKey: access !== 'open' }) ?? [],
  }
}

/** Timeouts are ours here: the config sets none of them. */
const silence = (
  root: string,
  failure = new Failure('connect_failed', `Nobody answers at ${root}.`),
): Failure => {
  if (!['connect_timeout', 'first_event_timeout'].includes(failure.code)) return failure
  const help = 'Check the address and the network, and whether what stands there is still starting.'
  return new Failure(failure.code, { message: failure.message, help }, { cause: failure })
}

/** Without the `/v1` that clients put behind it. */
const rootOf = (url: string): string => url.replace(/\/+$/, '').replace(/\/v1$/, '')

/** Kinds of backends that can be told apart. */
export const knownKinds: readonly string[] = [...new Set([...engines, ...clouds].map(({ id }) => id))]

/** What stands where nobody answers, as whoever asks says. */
export const unseen = (url: string, kind: string): Found => {
  const known = [...clouds, ...engines].findLast(({ id }) => id === kind)
  return {
    kind,
    title: known?.title ?? kind,
    url: rootOf(url) + (known?.base ?? '/v1'),
    version: undefined,
    access: 'unknown',
    keyEnv: undefined,
    wildcard: undefined,
    models: [],
    vulnerabilities: [],
    cautions: ['nobody answers there now: it is taken for what you say'],
  }
}

const recognised = async (
  ask: Ask,
  root: string,
  kind: string | undefined,
): Promise<{ readonly engine: Engine; readonly version: string | undefined }> => {
  for (const engine of kind === undefined ? engines : engines.filter(({ id }) => id === kind)) {
    const mark = await engine.recognise(ask)
    if (mark !== undefined) return { engine, version: mark.version }
  }
  const forced = engines.findLast(({ id }) => id === kind)
  if (forced !== undefined) return { engine: forced, version: undefined }
  throw new Failure('upstream_invalid', {
    message: `What answers at ${root} is no server of models that inhouse knows.`,
    help: 'Check the address; behind a proxy that hides what stands there, say it with --kind.',
  })
}

/** A few at a time: each may cost a question. */
const detailed = async (
  { models, detail }: Engine | Cloud,
  ask: Ask,
  most: number,
): Promise<readonly FoundModel[]> => {
  const found = [...(await models(ask))]
  if (detail === undefined) return found
  const waiting = [...found.slice(0, most).entries()]
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [at, { name, facts }] = next
      found[at] = { name, facts: { ...facts, ...(await detail(ask, name)) } }
    }
  }
  await Promise.all([work(), work(), work(), work()])
  return found
}

/** Told by the list of models, which every one of them guards where it guards anything. */
const accessOf = async (
  ask: Ask,
  askOpenly: Ask,
  key: string | undefined,
  listsModels: boolean,
): Promise<Access> => {
  const isShut = async (by: Ask): Promise<boolean> =>
    isClosed(await by('/v1/models')) || isClosed(await by('/models'))
  if (key === undefined) return (await isShut(ask)) && !listsModels ? 'wanted' : 'open'
  if ((await isShut(ask)) && !listsModels) return 'refused'
  return (await isShut(askOpenly)) ? 'key' : 'open'
}
