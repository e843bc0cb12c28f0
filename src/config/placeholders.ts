import { readFileSync, statSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'

/**
 * `${NAME}` stands for an environment variable, `${file:PATH}` for a file's text without its last line break, `$${`
 * for the text `${` itself. Braces have a meaning of their own in YAML, so they are hidden from its parser behind
 * two code points that no text may contain (Unicode keeps them free for such use).
 */
const hiddenOpen = '\u{fdd0}'
const hiddenClose = '\u{fdd1}'

/** The same length, so that positions stay right. */
export const hidePlaceholders = (text: string): string =>
  text.replaceAll(/\$\{([^{}\n]*)\}/g, `$$${hiddenOpen}$1${hiddenClose}`)

export const showPlaceholders = (text: string): string =>
  text.replaceAll(hiddenOpen, '{').replaceAll(hiddenClose, '}')

export const hasHidden = (text: string): boolean => text.includes(hiddenOpen) || text.includes(hiddenClose)

export interface PlaceholderWorld {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Relative `${file:…}` start here. */
  readonly folder: string
  /** The file was only found in the working directory: nothing is given to it. */
  readonly isFound: boolean
  /** Whether those of secrets are filled in too. */
  readonly readsSecrets: boolean
}

/** What a file is told that nobody named. */
export const notNamed =
  'is not taken from a file that was only found in the working directory: name the file with `--config`'

const hidden = new RegExp(`\\$(\\$?)${hiddenOpen}([^${hiddenClose}]*)${hiddenClose}`, 'g')
const maxSecretBytes = 64 * 1024

/** The text with every placeholder filled in, or what is wrong with the first that cannot be. */
export function fillPlaceholders(
  text: string,
  world: PlaceholderWorld,
): { readonly value: string } | { readonly wrong: string } {
  let wrong: string | undefined
  const value = text.replaceAll(hidden, (_all, escape: string, name: string) => {
    if (escape !== '') return `\${${name}}`
    const found = lookUp(name, world)
    if ('value' in found) return found.value
    wrong ??= found.wrong
    return ''
  })
  return wrong === undefined ? { value } : { wrong }
}

function lookUp(
  name: string,
  { env, folder, isFound }: PlaceholderWorld,
): { value: string } | { wrong: string } {
  if (isFound) return { wrong: `holds \${${name}}, which ${notNamed}` }
  if (name.startsWith('file:')) return readSecret(name.slice('file:'.length).trim(), folder)
  if (!/^[A-Za-z_]\w*$/.test(name)) {
    return {
      wrong: `\${${name}} is no placeholder: write \${NAME} or \${file:PATH}, or $\${…} for the text itself`,
    }
  }
  const value = env[name]
  if (value !== undefined) return { value }
  return {
    wrong: `needs the environment variable ${name}, which is not set; for the text itself write $\${${name}}`,
  }
}

function readSecret(written: string, folder: string): { value: string } | { wrong: string } {
  const path = isAbsolute(written) ? written : join(folder, written)
  try {
    const facts = statSync(path)
    if (!facts.isFile()) return { wrong: `needs the file ${path}, which is not a file` }
    if (facts.size > maxSecretBytes) return { wrong: `needs the file ${path}, which has more than 64 KiB` }
    return { value: readFileSync(path, 'utf8').replace(/\r?\n$/, '') }
  } catch (error) {
    return {
      wrong: `needs the file ${path}, which cannot be read (${(error as NodeJS.ErrnoException).code})`,
    }
  }
}
