import type { Finding } from '../config/issues.ts'
import { nearest } from '../config/nearest.ts'
import type { Settings } from '../config/schema.ts'
import type { Key } from '../protect/guard/key-table.ts'

/** What the config says of keys that are not there: it may be a mistake, or they are still to come. Pure. */
export function keyRemarks(
  { compat, limits }: Pick<Settings, 'compat' | 'limits'>,
  keys: readonly Key[],
): readonly Finding[] {
  const inForce = keys.filter((key) => key.revokedAt === undefined)
  const names = inForce.map(({ name }) => name)
  const teams = inForce.flatMap(({ team }) => team ?? [])
  const unnamed = Object.keys(limits.teams).filter((team) => !teams.includes(team))
  return [
    ...(compat === undefined || names.includes(compat.key)
      ? []
      : [
          {
            path: ['compat', 'key'],
            text: `names a key that is not there: its callers are all refused; ${near(compat.key, names) ?? `\`inhouse keys create --name ${compat.key}\` makes it`}`,
          },
        ]),
    ...unnamed.map((team) => ({
      path: ['limits', 'teams', team],
      text: `limits nothing: no key is of that team; ${near(team, teams) ?? `\`inhouse keys create --team ${team}\` makes one`}`,
    })),
  ]
}

const near = (name: string, known: readonly string[]): string | undefined => {
  const meant = nearest(name, known)
  return meant === undefined ? undefined : `did you mean ${meant}?`
}
