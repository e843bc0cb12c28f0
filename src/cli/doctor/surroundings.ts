import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'

import { missingInstructions, type Machine } from '../../serve/engines/machine.ts'
import { hardwareText } from '../hardware.ts'
import { bytesText } from '../print.ts'
import { fail, ok, warn, type Check } from './check.ts'

export const checkHardware = (machine: Machine): Check[] => {
  const missing = missingInstructions(machine)
  if (missing.length === 0) return [ok('hardware', hardwareText(machine))]
  return [
    fail(
      'hardware',
      `The CPU (${machine.cpu}) lacks ${missing.join(', ')}, which the prebuilt engines need.`,
      'Build llama-server on this machine and set `engines.llamaServer`, or use a backend elsewhere.',
    ),
  ]
}

/** The engine and the small model take 200 MB; the ledger a gigabyte for some million requests. */
const tightBytes = 300e6
const smallBytes = 3e9

export const checkDisk = async (home: string): Promise<Check> => {
  const { bavail, bsize } = await nearest(home)
  const free = Number(bavail) * Number(bsize)
  const found = `${bytesText(free)} free for ${home}`
  const help = 'Free some space, or put the home on another disk with `--home`.'
  if (free < tightBytes) return fail('disk', found, help)
  return free < smallBytes ? warn('disk', `${found}; most models need more`, help) : ok('disk', found)
}

/** Of the folder, or the first one above it that exists. */
const nearest = async (folder: string): ReturnType<typeof statfs> =>
  statfs(folder).catch((error: unknown) => {
    if (dirname(folder) === folder) throw error
    return nearest(dirname(folder))
  })

/** This program was not there before. */
const written = Date.parse('2026-11-01')
const skewMs = 5 * 60_000

/** `latest`: the newest request of the ledger. Pure. */
export const checkClock = (now: number, latest: number | undefined): Check => {
  const shown = `${new Date(now).toISOString().slice(0, 16).replace('T', ' ')} UTC`
  const help = 'Set the clock (`timedatectl set-ntp true`): keys expire and days are added up by it.'
  if (now < written) return fail('clock', `It says ${shown}, which is past.`, help)
  if (latest !== undefined && latest - now > skewMs)
    return warn('clock', `It says ${shown}, which is before the newest request of the ledger.`, help)
  return ok('clock', shown)
}

type Env = Readonly<Record<string, string | undefined>>

/** inhouse itself goes straight to this machine; clients that follow the variables do not. Pure. */
export const checkProxy = (env: Env): Check => {
  const names = ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy']
  const set = names.filter((name) => (env[name] ?? '') !== '')
  if (set.length === 0) return ok('proxy', 'no variable that would catch calls to this machine')
  const listed = `${env['NO_PROXY'] ?? ''},${env['no_proxy'] ?? ''}`.split(',')
  const exceptions = new Set(listed.map((host) => host.trim()))
  if (exceptions.has('*') || exceptions.has('127.0.0.1'))
    return ok('proxy', `${set.join(', ')} is set, and NO_PROXY spares this machine`)
  return warn(
    'proxy',
    `${set.join(', ')} is set: clients send their calls to 127.0.0.1 through that proxy.`,
    'Set `NO_PROXY=127.0.0.1,localhost,::1` where clients run.',
  )
}
