// `npm run docs` writes docs/reference/ anew; a test compares it with what stands there.
import { references } from '../src/references.ts'

for (const [path, render] of references) {
  await Bun.write(`${import.meta.dir}/../docs/reference/${path}`, await render())
  console.log(`docs/reference/${path}`)
}
