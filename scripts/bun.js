// `node scripts/bun.js ARGS` runs the project's own Bun, for the npm scripts.
import { launch } from '../bin/launch.js'

launch(process.argv.slice(2))
