// `npm run docs` writes docs/reference/ anew; a test compares it with what stands there.
import { references } from '../src/references.ts'
import { renderCompatibility } from '../src/testing/contract/table.ts'

for (const [path, render] of [...references, ['compatibility.md', renderCompatibility] as const]) {
  await Bun.write(`${import.meta.dir}/../docs/reference/${path}`, await render())
  console.log(`docs/reference/${path}`)
}
