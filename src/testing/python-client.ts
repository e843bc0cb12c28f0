import { testHome } from './real-engine.ts'

/** A client from PyPI and the script that uses it, beside this file. The folder it is installed into is kept. */
export interface PythonClient {
  /** Of the folder; those with the same packages may share it. */
  readonly name: string
  /** With their versions: `openai==3.54.0`. */
  readonly packages: readonly string[]
  readonly script: string
}

/** What the script prints, as JSON. */
export async function askByPython(
  { name, packages, script }: PythonClient,
  ...args: readonly string[]
): Promise<unknown> {
  const venv = `${testHome}/${name}`
  if (!(await Bun.file(`${venv}/bin/python`).exists())) {
    await Bun.$`python3 -m venv ${venv} && ${venv}/bin/pip install -q --disable-pip-version-check ${packages}`.quiet()
  }
  return Bun.$`${venv}/bin/python ${import.meta.dir}/${script} ${args}`.json() as Promise<unknown>
}
