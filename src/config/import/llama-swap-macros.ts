import { isObject } from '../../core/is-object.ts'

/** Texts by the names that stand for them: `${name}`. */
export type Macros = ReadonlyMap<string, string>

export const macrosIn = (value: unknown): Macros =>
  new Map(
    Object.entries(isObject(value) ? value : {}).flatMap(([name, text]) =>
      ['string', 'number', 'boolean'].includes(typeof text) ? [[name, String(text).trim()] as const] : [],
    ),
  )

// Code points that no text may contain stand for what our config writes as `${NAME}`.
const [open, close] = ['\u{fdd2}', '\u{fdd3}']
const mostLevels = 20
const mostCharacters = 100_000

/**
 * The text with its macros filled in; `${env.NAME}` stays open until `ours`. Undefined where one of them is unknown, or
 * never ends.
 */
export function expanded(text: string, macros: Macros): string | undefined {
  let now = text.replaceAll(/[\u{fdd2}\u{fdd3}]/gu, '')
  for (let level = 0; level < mostLevels; level += 1) {
    if (!/\$\{[\w.-]+\}/.test(now)) return now
    let isUnknown = false
    now = now.replaceAll(/\$\{([\w.-]+)\}/g, (_all, name: string) => {
      const variable = /^env\.([A-Za-z_]\w*)$/.exec(name)?.[1]
      if (variable !== undefined) return `${open}${variable}${close}`
      const value = macros.get(name)
      isUnknown ||= value === undefined
      return value ?? ''
    })
    if (isUnknown || now.length > mostCharacters) return undefined
  }
  return undefined
}

/** As our config writes it. What else begins like a placeholder there is made something that no row can have. */
export const ours = (text: string): string =>
  text.includes('${') ? open : text.replaceAll(open, '${').replaceAll(close, '}')
