// `npm run build [-- FILE]`: one executable for this platform, at FILE or in dist/.
import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'

const root = `${import.meta.dir}/..`
const outfile = resolve(process.argv[2] ?? `${root}/dist/inhouse`)
const build = await Bun.build({
  entrypoints: [`${root}/src/main.ts`],
  // Neither code nor environment comes from the folder that it is run in.
  compile: { outfile, autoloadBunfig: false, autoloadDotenv: false },
  minify: { syntax: true, whitespace: true },
  sourcemap: 'inline',
})
for (const log of build.logs) console.error(log.message)
if (!build.success) process.exit(1)
// It is inside, too.
await rm(`${outfile}.map`, { force: true })
console.log(outfile)
