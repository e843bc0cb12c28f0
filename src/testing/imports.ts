/** Which folders a folder may import, read from the table in ARCHITECTURE.md. */
export type ImportTable = ReadonlyMap<string, readonly string[]>

export interface SourceFile {
  /** Relative to `src`, with forward slashes. */
  readonly path: string
  readonly text: string
}

const row = /^\| `([\w/]+)` \|[^|]*\|([^|]*)\|$/gm
const statement = /(?:from|import)\s*\(?\s*'(\.[^']+)'/g

export function readImportTable(markdown: string): ImportTable {
  const table = new Map<string, readonly string[]>()
  for (const [, folder, allowed] of markdown.matchAll(row)) {
    const names = (allowed ?? '').split(',').map((name) => name.trim())
    table.set(
      folder ?? '',
      names.filter((name) => name !== ''),
    )
  }
  return table
}

/** One sentence for each import that the table does not allow, and for each folder that it does not know. */
export function importViolations(table: ImportTable, files: readonly SourceFile[]): string[] {
  const folders = [...table.keys()].toSorted((a, b) => b.length - a.length)
  const folderOf = (path: string): string | undefined =>
    folders.find((folder) => path.startsWith(`${folder}/`))
  return files.flatMap(({ path, text }) => {
    if (!path.includes('/')) return []
    const from = folderOf(path)
    if (from === undefined) return [`${path} is in a folder that the table does not have`]
    const allowed = new Set([
      from,
      ...(table.get(from) ?? []),
      ...(path.endsWith('.test.ts') ? ['testing', 'app'] : []),
    ])
    return [...text.matchAll(statement)].flatMap(([, target]) => {
      const file = new URL(target ?? '', `file:///${path}`).pathname.slice(1)
      const to = folderOf(file) ?? file.replace(/\.ts$/, '')
      return allowed.has(to) ? [] : [`${path} imports ${to}, which ${from} may not`]
    })
  })
}
