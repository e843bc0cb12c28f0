import { asFailure, Failure } from '../../core/failure.ts'
import { readMachine } from '../../serve/engines/machine.ts'
import type { InhouseCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { checksText, failed, ok, type Check } from '../doctor/check.ts'
import { checkLocalModels } from '../doctor/engine.ts'
import { checkHome } from '../doctor/folder.ts'
import { checkKey, checkPort, checkStore } from '../doctor/home.ts'
import { checkClock, checkDisk, checkHardware, checkProxy } from '../doctor/surroundings.ts'

export const doctor = (command: InhouseCommand): void => {
  command
    .description(
      'Looks at everything that `serve` needs and finds what is wrong before it hurts: hardware, disk, home, config, key, store, address, engines, models, Python and its package index (only if something must be fetched), clock, proxy. Leaves everything as it was; each finding says what to do.',
    )
    .example('inhouse doctor', 'before the first start, and when something is strange')
    .example(
      'inhouse doctor --json | jq ".checks[] | select(.level != \\"ok\\")"',
      'what is not well, for a program',
    )
    .failsWhen('something must be repaired')
    .runs(run)
}

const run = async (context: Context): Promise<number> => {
  const bars = context.bars()
  bars.onProgress({ label: 'Looking at everything', done: 0 })
  const checks = await examine(context).finally(bars.clear)
  const isWell = checks.every(({ level }) => level !== 'fail')
  context.result({ ok: isWell, checks }, (paint) => checksText(checks, paint))
  return isWell ? 0 : 1
}

const examine = async (context: Context): Promise<Check[]> => {
  const { home } = context
  const { env } = process
  const machine = await readMachine()
  const loaded = await context.load({ here: true }).catch((thrown: unknown) => asFailure(thrown))
  const [disk, folder, key, { check: store, latest }, served] = await Promise.all([
    checkDisk(home),
    checkHome(home),
    checkKey(home),
    checkStore(home),
    // What stands in a broken config cannot be looked at.
    loaded instanceof Failure
      ? []
      : Promise.all([
          checkPort(home, loaded.config.listen),
          checkLocalModels({ home, config: loaded.config, machine, env }),
        ]),
  ])
  const config =
    loaded instanceof Failure
      ? failed('config', loaded)
      : ok('config', loaded.file ?? 'none; the small built-in model is served')
  return [
    ...checkHardware(machine),
    disk,
    folder,
    config,
    key,
    store,
    ...served.flat(),
    checkClock(Date.now(), latest),
    checkProxy(env),
  ]
}
