import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'

import { writeWhole } from '../../install/disk.ts'
import { unstage } from '../../install/stage.ts'
import { accelerators, type Accelerator } from './engine.ts'
import type { Machine } from './machine.ts'

/** An engine in our own home, as it wrote itself down when it was installed. */
export interface Installation {
  /** Its folder's name under `engines/`. */
  readonly name: string
  readonly kind: 'xllamacpp' | 'llama-server'
  readonly version: string
  readonly accelerator: Accelerator
  /** The interpreter it was verified with, or the path of the binary inside its folder. */
  readonly runs: string
  /** Where it came from, for people. */
  readonly source: string
  /** Of the wheel or archive; where it was recorded from the package index, over all files of the package. */
  readonly sha256: string
  /** Who said that the digest is right: this program, the user, or nobody (it is what came the first time). */
  readonly trust: 'pinned' | 'given' | 'recorded'
  /** ISO 8601: when it was last asked for. */
  readonly installedAt: string
}

export const enginesFolder = 'engines'
const note = 'installation.json'

export const folderOf = (home: string, name: string): string => join(home, enginesFolder, name)

/** What is installed; what was asked for last comes first, and of its accelerator it is the one in use. */
export const listInstallations = async (home: string): Promise<Installation[]> => {
  const names = await readdir(join(home, enginesFolder)).catch(() => [])
  const found = await Promise.all(names.map((name) => read(folderOf(home, name))))
  return found
    .filter((installation) => installation !== undefined)
    .toSorted((a, b) => b.installedAt.localeCompare(a.installedAt))
}

export const removeInstallation = (home: string, name: string): Promise<void> =>
  unstage(home, join(enginesFolder, name))

/** Written last into the folder, which is then renamed into place: what has no note was never whole. */
export const writeNote = (folder: string, installation: Installation): Promise<void> =>
  writeWhole(join(folder, note), `${JSON.stringify(installation, undefined, 2)}\n`)

const read = async (folder: string): Promise<Installation | undefined> => {
  try {
    return JSON.parse(await readFile(join(folder, note), 'utf8')) as Installation
  } catch {
    return undefined
  }
}

/** What this machine's hardware asks for, best first; the last one always runs. */
export const wantedAccelerators = (machine: Pick<Machine, 'platform' | 'arch' | 'gpus'>): Accelerator[] => {
  const vendors = new Set(machine.gpus.map((gpu) => gpu.vendor))
  return accelerators
    .filter(
      (accelerator) =>
        (accelerator === 'cuda' && vendors.has('nvidia')) ||
        (accelerator === 'rocm' && vendors.has('amd')) ||
        (accelerator === 'vulkan' && (vendors.has('nvidia') || vendors.has('amd'))),
    )
    .concat(pinnedAccelerator(machine))
}

/** The one whose wheel stands on the public index, with a digest that this program knows. */
export const pinnedAccelerator = ({ platform, arch }: Pick<Machine, 'platform' | 'arch'>): Accelerator =>
  platform === 'darwin' && arch === 'arm64' ? 'metal' : 'cpu'

/** What the first start brings: what the config names, else only the one that is pinned, whatever the hardware. */
export const firstAccelerator = (asked: 'auto' | Accelerator, machine: Machine): Accelerator =>
  asked === 'auto' ? pinnedAccelerator(machine) : asked
