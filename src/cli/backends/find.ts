import type { Settings } from '../../config/index.ts'
import { asFailure, Failure } from '../../core/failure.ts'
import { isInHouse } from '../../core/hosts.ts'
import { probe, unseen, type Found } from '../../serve/discover/probe.ts'
import type { Context } from '../context.ts'
import { withTransport } from '../looking.ts'
import { withoutSecrets } from './address.ts'

export interface LookOptions {
  readonly kind?: string
  readonly key?: string
  readonly keyEnv?: string
}

/** Throws `Failure('offline')`, `Failure('usage_wrong')` for an address with secrets, and what `probe` throws. */
export const findBackend = async (
  context: Context,
  { offline }: Settings,
  url: string,
  { kind, key: given, keyEnv }: LookOptions,
): Promise<Found> => {
  withoutSecrets(url)
  if (offline && !isInHouse(new URL(url).hostname))
    throw new Failure('offline', `${url} is not in the house, and this deployment is offline.`)
  const key = given ?? (keyEnv === undefined ? undefined : process.env[keyEnv])
  if (key === undefined && keyEnv !== undefined)
    context.say(context.paint.yellow(`${keyEnv} is not set here: it is asked without a key.\n`))
  const bars = context.bars()
  bars.onProgress({ label: `Asking ${url} what it is`, done: 0 })
  return withTransport((transport) => probe(url, { transport, key, kind })).finally(bars.clear)
}

/** The same; where nobody answers, what was said to stand there. */
export const findOrTake = async (
  context: Context,
  config: Settings,
  url: string,
  options: LookOptions,
): Promise<Found> => {
  try {
    return await findBackend(context, config, url, options)
  } catch (thrown) {
    const { code } = asFailure(thrown)
    const isSilent = ['connect_failed', 'connect_timeout', 'first_event_timeout'].includes(code)
    if (options.kind === undefined || !isSilent) throw thrown
    return unseen(url, options.kind)
  }
}
