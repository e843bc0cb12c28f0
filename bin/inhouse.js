#!/usr/bin/env node
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { launch } from './launch.js'

const here = dirname(fileURLToPath(import.meta.url))
const main = join(here, '..', 'src', 'main.ts')
// Bun would take code (bunfig.toml) and environment (.env) from the folder that the command is run in.
const own = ['--no-install', '--no-env-file', `--config=${join(here, 'bunfig.toml')}`]
launch([...own, main, ...process.argv.slice(2)])
