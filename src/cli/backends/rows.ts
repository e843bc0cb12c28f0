import { untagged } from '../../core/names.ts'
import type { Row } from '../../config/edit.ts'
import { backendKinds } from '../../serve/backends/index.ts'
import type { Found } from '../../serve/discover/probe.ts'
import { escaped } from './shown.ts'

/** What a config says of a backend that was found. */
export interface FoundRows {
  readonly backend: Row
  readonly models: Readonly<Record<string, Row>>
  /** Names that no row can have, as the server wrote them. */
  readonly skipped: readonly string[]
}

interface Wanted {
  /** Of the backend. */
  readonly name: string
  /** Names at the backend; left out: all that it lists, or one wildcard for a vendor’s. */
  readonly models?: readonly string[] | undefined
  /** The variable that holds the key; left out: where one is wanted, a name is made. */
  readonly keyEnv?: string | undefined
  /** Names of rows that there are. */
  readonly taken: readonly string[]
}

/** A name that two have goes to the first, and the second is `name@backend`. Pure. */
export const foundRows = (found: Found, { name, models, keyEnv, taken }: Wanted): FoundRows => {
  const wants = !['open', 'unknown'].includes(found.access) || found.keyEnv !== undefined
  const variable = keyEnv ?? (wants ? (found.keyEnv ?? variableOf(name)) : undefined)
  const backend = {
    kind: found.kind,
    ...(found.url !== defaultUrl(found) && { url: found.url }),
    ...(variable !== undefined && { apiKey: `\${${variable}}` }),
  }
  const listed = listedModels(found)
  const skipped = models === undefined ? listed.filter((model) => !isName(model)) : []
  const vendors = found.wildcard === undefined ? [] : [found.wildcard]
  const rows: Record<string, Row> = {}
  for (const model of models ?? [...vendors, ...listed.filter(isName)]) {
    const plain = found.kind === 'ollama' ? untagged(model) : model
    const isTaken = taken.includes(plain) || Object.hasOwn(rows, plain)
    if (isTaken && plain.includes('*')) {
      skipped.push(model)
      continue
    }
    const row = isTaken ? `${plain}@${name}` : plain
    rows[row] = { backend: name, ...(row !== model && { model }) }
  }
  return { backend, models: rows, skipped }
}

/** Ollama lists what it hands on to others like its own: that is for a backend of a third party. */
const listedModels = ({ models, wildcard, keyEnv }: Found): readonly string[] => {
  if (wildcard !== undefined || keyEnv !== undefined) return []
  return models.flatMap(({ name, facts }) => (facts.remoteHost === undefined ? [name] : []))
}

/** What a row can be called; one with a star would take the names of others. */
const isName = (name: string): boolean =>
  /^(?!__proto__$)[!-)+-~\u00a1-\uffff]{1,150}$/.test(name) && !name.includes('${') && escaped(name) === name

export const variableOf = (name: string): string =>
  `${name.toUpperCase().replaceAll(/\W/g, '_')}_API_KEY`.replace(/^(?=\d)/, '_')

/** A vendor’s own address need not be said. */
const defaultUrl = ({ kind, keyEnv }: Found): string | undefined => {
  if (keyEnv === undefined) return undefined
  const parsed = backendKinds.find((each) => each.kind === kind)?.settings.safeParse({ kind })
  const row: object = parsed?.success === true ? parsed.data : {}
  return 'url' in row && typeof row.url === 'string' ? row.url : undefined
}
