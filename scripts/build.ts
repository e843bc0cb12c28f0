// `npm run build`: one executable for this platform, in dist/.
import { rm } from 'node:fs/promises'

const root = `${import.meta.dir}/..`
await rm(`${root}/dist`, { recursive: true, force: true })
const build = await Bun.build({
  entrypoints: [`${root}/src/main.ts`],
  compile: { outfile: `${root}/dist/inhouse` },
  minify: { syntax: true, whitespace: true },
  sourcemap: 'inline',
})
for (const log of build.logs) console.error(log.message)
if (!build.success) process.exit(1)
console.log('dist/inhouse')
