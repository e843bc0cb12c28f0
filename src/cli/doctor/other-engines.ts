import { engineSettings, type managedRows } from '../../app/local-models.ts'
import { asFailure, Failure } from '../../core/failure.ts'
import { run } from '../../install/run.ts'
import { engineKindOf, type EngineKind } from '../../serve/engines/kinds/index.ts'
import { installHelp, programAt } from '../../serve/engines/kinds/programs.ts'
import { fail, failed, ok, type Check } from './check.ts'
import type { Place } from './engine.ts'

type Rows = ReturnType<typeof managedRows>

/** The engines that rows name and that people bring themselves: each once, and each program that a row names for itself. */
export const checkOtherEngines = (place: Place, rows: Rows): Promise<Check[]> => {
  const kinds = new Set(rows.map(([, row]) => engineKindOf(row.engine)))
  const others = [...kinds].filter(({ isInstalled }) => isInstalled !== true)
  return Promise.all(
    others.flatMap((kind) => {
      if (kind.programOf === undefined) return [checkKind(place, kind)]
      const own = rows.filter(([, row]) => engineKindOf(row.engine) === kind)
      return own.map(([name, row]) => checkCommand(place, name, kind.programOf?.(row) ?? ''))
    }),
  )
}

const checkKind = async ({ home, config, machine, env }: Place, kind: EngineKind): Promise<Check> => {
  const what = `engine ${kind.id}`
  const found = await kind.find({ home, settings: engineSettings(config), machine, env }).catch(asFailure)
  if (found instanceof Failure) return failed(what, found)
  const { path = '' } = found
  if (kind.selfTest === undefined) return ok(what, path)
  const { status } = await run([path, ...kind.selfTest], { env, timeoutMs: 30_000 })
  return status === 0 ? ok(what, path) : fail(what, `${path} has no ${kind.id}.`, installHelp(kind))
}

const checkCommand = async ({ env }: Place, row: string, program: string): Promise<Check> => {
  const what = `engine of ${row}`
  const path = await programAt(program, env)
  if (path !== undefined) return ok(what, path)
  return fail(
    what,
    `${program} is no program here.`,
    `Put it there and make it executable, or correct \`models.${row}.command.run\`.`,
  )
}
