import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

const launcher = join(import.meta.dir, '..', '..', 'bin', 'inhouse.js')

/** For tests: an empty home, and the real command line in it. */
export class Testbed implements Disposable {
  readonly home = mkdtempSync(join(tmpdir(), 'inhouse-cli-'))

  async run(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    cwd = this.home,
  ): Promise<Ran> {
    const child = Bun.spawn([Bun.which('node') ?? 'node', launcher, ...args], {
      cwd,
      env: { PATH: process.env['PATH'], HOME: this.home, INHOUSE_HOME: this.home, ...env },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const [out, err, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ])
    return { code, out, err }
  }

  async json(args: readonly string[]): Promise<unknown> {
    return JSON.parse((await this.run([...args, '--json'])).out)
  }

  [Symbol.dispose](): void {
    rmSync(this.home, { recursive: true, force: true })
  }
}
