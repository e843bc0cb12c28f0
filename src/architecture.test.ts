import { expect, test } from 'bun:test'

import { importViolations, readImportTable, type SourceFile } from './testing/imports.ts'

const table = readImportTable(await Bun.file(`${import.meta.dir}/../ARCHITECTURE.md`).text())

async function sources(): Promise<SourceFile[]> {
  const files: SourceFile[] = []
  for await (const path of new Bun.Glob('**/*.ts').scan(import.meta.dir)) {
    files.push({ path, text: await Bun.file(`${import.meta.dir}/${path}`).text() })
  }
  return files
}

test('every import in src is one that the table in ARCHITECTURE.md allows', async () => {
  expect(importViolations(table, await sources())).toEqual([])
})

test('every folder of the table has content', async () => {
  const files = await sources()
  const empty = [...table.keys()].filter(
    (folder) => !files.some((file) => file.path.startsWith(`${folder}/`)),
  )
  expect(empty).toEqual([])
})

test('an import that the table does not allow is named', () => {
  const text =
    "import { openStore } from '../../store/store.ts'\nimport type { Clock } from '../../core/clock.ts'"
  expect(importViolations(table, [{ path: 'serve/gateway/x.ts', text }])).toEqual([
    'serve/gateway/x.ts imports store, which serve/gateway may not',
  ])
})

test('a folder that the table does not have is named', () => {
  expect(importViolations(table, [{ path: 'misc/x.ts', text: '' }])).toEqual([
    'misc/x.ts is in a folder that the table does not have',
  ])
})
