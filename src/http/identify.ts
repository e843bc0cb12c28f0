import { Failure, asFailure } from '../core/failure.ts'
import type { Guard, Identity } from '../core/guard.ts'
import { isLoopback } from '../core/hosts.ts'
import { credentialOf } from './credential.ts'

/** Whose key the headers carry; with `keyName` each caller of this machine is taken for the holder of that key. */
export function identified(
  guard: Guard,
  headers: Headers,
  keyName: string | undefined,
): Identity | Promise<Identity> {
  if (keyName !== undefined) {
    mustBeLocal(headers)
    return guard.identifyNamed(keyName)
  }
  const secret = credentialOf(headers)
  try {
    return guard.identify(secret)
  } catch (thrown) {
    if (asFailure(thrown).code !== 'key_unknown') throw thrown
    // `keys create` is a process of its own, and its key should work at once.
    return guard.refresh().then(() => guard.identify(secret))
  }
}

/** Any web page can make a browser call a port of this machine, and point a name of its own at it: neither shows a key. */
function mustBeLocal(headers: Headers): void {
  const addresses = [
    `http://${headers.get('host') ?? 'localhost'}`,
    headers.get('origin') ?? 'http://localhost',
  ]
  for (const address of addresses) {
    if (!isLoopback(URL.parse(address)?.hostname ?? '')) {
      throw new Failure(
        'origin_refused',
        'The call comes by another name than this machine’s, or from a web page.',
      )
    }
  }
}
