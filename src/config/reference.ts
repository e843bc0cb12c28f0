import { isObject } from '../core/is-object.ts'
import { configJsonSchema } from './schema.ts'
import { envName, expectation, kindName } from './shape.ts'
import type { Shape } from './shape.ts'

/** `docs/reference/config.md`, made of the schema alone. */
export function renderConfigReference(): string {
  const root = configJsonSchema()
  const sections = Object.entries(root.properties ?? {}).flatMap(([key, shape]) =>
    isShape(shape) ? [section(key, shape)] : [],
  )
  return `${[intro, ...sections].join('\n\n')}\n`
}

const intro = `# Configuration

<!-- Generated from src/config; do not edit. -->

One YAML file: \`--config FILE\`, else \`INHOUSE_CONFIG\`, else \`inhouse.yaml\` in the working directory
(\`serve\`, \`config\` and \`doctor\` alone, which say so), else the one in the home. A file that was only found in the working directory may be another's: it
fills in no placeholders and takes no programs of its own (\`engines.llamaServer\`, \`engines.programs\`, \`command\`, \`env\`, \`extraArgs\`); name it with \`--config\` to allow that.
Without a file the small model that comes with inhouse is served. \`inhouse config check\` tells every mistake with its
line, \`inhouse config show\` every value and where it came from, \`inhouse config schema\` the JSON Schema for editors.

In any text \`\${NAME}\` stands for an environment variable and \`\${file:PATH}\` for the text of a file (relative to the
config file); \`$\${\` is the text \`\${\`. Such values are secrets: they are never shown.

Settings outside of lists and rows can also be given in the environment, under the names below: it wins over the file,
and flags win over both. Lists are separated by commas.`

const isShape = (value: unknown): value is Shape => isObject(value)

function section(key: string, shape: Shape): string {
  const rows = shape.additionalProperties
  const lines = [`## \`${key}\``, shape.description ?? '']
  if (shape.properties !== undefined) lines.push(table(shape, [key]))
  else if (isShape(rows)) lines.push(...rowTables(rows))
  else lines.push(table({ properties: { [key]: shape } }, []))
  return lines.filter((line) => line !== '').join('\n\n')
}

/** Rows of one shape, or one table for the kinds that say the same. */
function rowTables(row: Shape): string[] {
  const kinds = row.oneOf?.filter(isShape)
  if (kinds === undefined) return ['Each row:', table(row, undefined)]
  return [...Map.groupBy(kinds, (kind) => table(kind, undefined))].map(
    ([text, alike]) => `${alike.map((kind) => `\`kind: ${String(kindName(kind))}\``).join(', ')}\n\n${text}`,
  )
}

/** `path` is where the settings stand, for their names in the environment; undefined in rows, which have none. */
function table(shape: Shape, path: readonly string[] | undefined): string {
  const hasEnv = path !== undefined
  const head = ['Key', 'Value', 'Default', ...(hasEnv ? ['Environment'] : []), 'What it does']
  const required = new Set(shape.required)
  const lines = leaves(shape, []).map(({ keys, leaf }) =>
    [
      `\`${keys.join('.')}\``,
      expectation(leaf),
      standard(leaf, required.has(keys[0] ?? '')),
      ...(hasEnv
        ? [leaf.type === 'object' || keys.includes(ofRow) ? '' : `\`${envName([...path, ...keys])}\``]
        : []),
      leaf.description ?? '',
    ].map((cell) => cell.replaceAll('|', '\\|')),
  )
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** Stands for the names that rows are given. */
const ofRow = '<name>'

interface Leaf {
  readonly keys: readonly string[]
  readonly leaf: Shape
}

const leaves = (shape: Shape, keys: readonly string[]): readonly Leaf[] =>
  Object.entries(shape.properties ?? {}).flatMap(([key, inner]): readonly Leaf[] => {
    if (!isShape(inner) || inner.const !== undefined) return []
    const here = [...keys, key]
    const rows = inner.additionalProperties
    if (isShape(rows) && rows.properties !== undefined) return leaves(rows, [...here, ofRow])
    return inner.properties === undefined ? [{ keys: here, leaf: inner }] : leaves(inner, here)
  })

function standard(leaf: Shape, isRequired: boolean): string {
  if (leaf.default !== undefined) return `\`${JSON.stringify(leaf.default)}\``
  return isRequired ? 'required' : ''
}
