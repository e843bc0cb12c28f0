import { expect, test } from 'bun:test'

import { references } from './references.ts'
import { renderCompatibility } from './testing/contract/table.ts'

const pages = [...references, ['compatibility.md', renderCompatibility] as const]

test.each(pages)('docs/reference/%s says what the code says', async (path, render) => {
  const written = Bun.file(`${import.meta.dir}/../docs/reference/${path}`)
  expect((await written.exists()) && (await written.text())).toBe(await render())
})
