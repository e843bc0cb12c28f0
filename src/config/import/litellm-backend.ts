import { isObject } from '../../core/is-object.ts'
import type { Path } from '../path.ts'
import type { Draft } from './draft.ts'
import type { Foreign } from './foreign.ts'
import type { Vendor } from './litellm-vendors.ts'

/** The backend of a deployment; undefined where there can be none, which is said then. */
export function readBackend(
  file: Foreign,
  params: Path,
  draft: Draft,
  keys: Keys,
  provider: string,
  vendor: Vendor,
): string | undefined {
  const at = (key: string): Path => [...params, key]
  const base = file.at(at('api_base'))
  const version = file.at(at('api_version'))
  const url = typeof base === 'string' ? addressOf(base, vendor, typeof version === 'string') : vendor.url
  const kind = typeof base === 'string' ? (vendor.kindAt ?? vendor.kind) : vendor.kind
  if (url === undefined && vendor.needsUrl === true) {
    file.leave(params.slice(0, -1), `${provider} is nowhere without its address (\`api_base\`)`)
    return undefined
  }
  const key = keyIn(file, at('api_key'), keys, provider, vendor)
  const headers = headersIn(file, at('extra_headers'), keys, provider)
  const row = {
    kind,
    ...(url !== undefined && { url }),
    ...(key !== undefined && { apiKey: key }),
    ...(kind === 'azure' && typeof version === 'string' && { apiVersion: version }),
    ...(headers !== undefined && { headers }),
  }
  const name = draft.backend(nameFor(kind, provider, base), row)
  if (name === undefined) {
    file.leave(
      params.slice(0, -1),
      'its address is none that a backend can have (http or https, without a query)',
    )
    return undefined
  }
  if (typeof base === 'string') file.take(at('api_base'))
  if (kind === 'azure' && typeof version === 'string') file.take(at('api_version'))
  return name
}

/** What is only reached by its address is called after its host. */
const nameFor = (kind: string, provider: string, base: unknown): string => {
  if (kind !== 'openai-compatible') return kind
  const host = typeof base === 'string' ? (URL.parse(base)?.hostname.split('.')[0] ?? '') : ''
  return /^[a-z][\w-]*$/.test(host) && host !== 'localhost' ? host : provider.replaceAll('_', '-')
}

/** In the environment, or as our kind wants it: with the `/v1` that LiteLLM’s own provider would put behind it. */
function addressOf(base: string, { kind }: Vendor, isDated: boolean): string {
  const named = environmentName(base)
  if (named !== undefined) return `\${${named}}`
  const plain = base.replace(/\/+$/, '')
  if (kind !== 'azure') return plain
  if (/\/openai(?:\/v1)?$/.test(plain)) return plain
  return isDated ? `${plain}/openai` : `${plain}/openai/v1`
}

const environmentName = (value: unknown): string | undefined =>
  typeof value === 'string' ? /^os\.environ\/([A-Za-z_]\w*)$/.exec(value)?.[1] : undefined

/** Names for keys that stood in the file in clear: the same key has the same name. */
export class Keys {
  readonly #names = new Map<string, string>()

  nameOf(secret: string, wanted: string): string {
    const known = this.#names.get(secret)
    if (known !== undefined) return known
    const taken = new Set(this.#names.values())
    let name = wanted
    for (let number = 2; taken.has(name); number += 1) name = `${wanted}_${number}`
    this.#names.set(secret, name)
    return name
  }
}

const keyNameOf = (provider: string, { keyEnv }: Vendor): string =>
  keyEnv ?? `${provider.toUpperCase().replaceAll(/\W/g, '_')}_API_KEY`

function keyIn(file: Foreign, path: Path, keys: Keys, provider: string, vendor: Vendor): string | undefined {
  const value = file.at(path)
  if (value === undefined || value === null) return vendor.keyEnv && `\${${vendor.keyEnv}}`
  if (typeof value !== 'string') return undefined
  file.take(path)
  const named = environmentName(value)
  if (named !== undefined) return `\${${named}}`
  const name = keys.nameOf(value, keyNameOf(provider, vendor))
  file.changed(path, `stands there in clear: put it into the environment as ${name}`)
  return `\${${name}}`
}

function headersIn(
  file: Foreign,
  path: Path,
  keys: Keys,
  provider: string,
): Record<string, string> | undefined {
  const headers = file.at(path)
  if (!isObject(headers)) return undefined
  const read: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string' || !/^[\w-]+$/.test(name)) continue
    const here = [...path, name]
    file.take(here)
    const wanted = `${provider}_${name}`.toUpperCase().replaceAll(/\W/g, '_')
    const variable = environmentName(value) ?? keys.nameOf(value, wanted)
    if (environmentName(value) === undefined)
      file.changed(
        here,
        `stands there in clear, and may be a secret: put it into the environment as ${variable}`,
      )
    read[name.toLowerCase()] = `\${${variable}}`
  }
  return Object.keys(read).length === 0 ? undefined : read
}
