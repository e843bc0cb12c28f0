import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'

interface HomeFacts {
  /** `--home`. */
  readonly flag?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly platform?: NodeJS.Platform
}

/** `--home`, else `INHOUSE_HOME`, else where this system keeps data of programs (XDG, Library on macOS). */
export function resolveHome({ flag, env, cwd, platform = process.platform }: HomeFacts): string {
  const said = flag ?? env['INHOUSE_HOME']
  if (said !== undefined && said !== '') return resolve(cwd, said)
  const user = env['HOME'] ?? homedir()
  if (platform === 'darwin') return join(user, 'Library', 'Application Support', 'inhouse')
  const data = env['XDG_DATA_HOME'] ?? ''
  return join(isAbsolute(data) ? data : join(user, '.local', 'share'), 'inhouse')
}
