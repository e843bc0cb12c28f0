import { backendRow } from '../../serve/backends/index.ts'
import { rowName } from '../fields.ts'
import { modelRow } from '../model-row.ts'
import type { Row } from '../edit.ts'

/** A config that comes to be row by row. What the schema would refuse does not get in. */
export class Draft {
  readonly backends: Record<string, Row> = {}
  readonly models: Record<string, Row> = {}
  /** Other sections, by their names. */
  readonly sections: Record<string, Record<string, unknown>> = {}

  /** The name of the backend that is like this one, or of a new one; undefined where the schema takes none such. */
  backend(wanted: string, row: Row): string | undefined {
    const same = Object.entries(this.backends).find(([, known]) => Bun.deepEquals(known, row))
    if (same !== undefined) return same[0]
    const name = this.#free(wanted, this.backends)
    if (!isName(name) || !isWritable(row) || !backendRow.safeParse(filled(row)).success) return undefined
    this.backends[name] = row
    return name
  }

  /** Undefined where the schema takes no such row, or no such name. A name that is taken gets a number. */
  model(wanted: string, row: Row): string | undefined {
    const name = this.#free(wanted, this.models)
    if (!isName(name) || !isWritable(row) || !modelRow.safeParse(filled(row)).success) return undefined
    this.models[name] = row
    return name
  }

  set(section: string, key: string, value: unknown): void {
    this.sections[section] = { ...this.sections[section], [key]: value }
  }

  /** As YAML has it, without what is empty, and without backends that no model leads to. */
  tree(): Row {
    const used = new Set(Object.values(this.models).map(({ backend }) => backend))
    const backends = Object.entries(this.backends).filter(([name]) => used.has(name))
    return {
      ...(backends.length > 0 && { backends: Object.fromEntries(backends) }),
      ...(Object.keys(this.models).length > 0 && { models: this.models }),
      ...this.sections,
    }
  }

  #free(wanted: string, taken: Readonly<Record<string, unknown>>): string {
    let name = wanted
    for (let number = 2; Object.hasOwn(taken, name); number += 1) name = `${wanted}-${number}`
    return name
  }
}

/** A key of ours: no placeholder, and not the one that JavaScript keeps for itself. */
const isName = (name: string): boolean =>
  rowName.safeParse(name).success && isWritable(name) && !name.includes('${') && name !== '__proto__'

/** An address that stands in the environment is no mistake. */
const filled = (row: Row): Row => {
  const { url } = row
  const isElsewhere = typeof url === 'string' && /^\$\{\w+\}$/.test(url)
  return isElsewhere ? { ...row, url: 'http://localhost' } : row
}

/** What YAML can hold and our reader gives back: `${` alone would begin a placeholder, and some code points are its own. */
const isWritable = (value: unknown): boolean => {
  if (typeof value === 'string') {
    const rest = value.replaceAll(/\$\{[A-Za-z_]\w*\}/g, '')
    return value.isWellFormed() && !rest.includes('${') && !/[\u{fdd0}-\u{fdd3}]/u.test(value)
  }
  return typeof value !== 'object' || value === null || Object.values(value).every(isWritable)
}
