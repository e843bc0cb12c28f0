import { writeFileSync } from 'node:fs'

import { chatBody } from '../ask.ts'
import { Child, freePort, output, runFolder, toolsFolder } from '../child.ts'
import type { Upstream } from '../upstreams/upstream.ts'
import type { Peer } from './peer.ts'

const version = '1.106.0'
const folder = `${toolsFolder}litellm`
const program = `${folder}/bin/litellm`
const key = 'sk-bench'

export const litellm: Peer = {
  name: 'LiteLLM',
  async start(upstreams) {
    await install()
    const port = freePort()
    const config = `${runFolder}litellm.json`
    // JSON is YAML too.
    writeFileSync(config, JSON.stringify(configOf(upstreams)))
    const child = new Child({
      name: 'litellm',
      command: [
        program,
        '--config',
        config,
        '--host',
        '127.0.0.1',
        '--port',
        `${port}`,
        '--num_workers',
        '1',
      ],
      env: { LITELLM_LOCAL_MODEL_COST_MAP: 'True', LITELLM_LOG: 'ERROR' },
    })
    await child.untilAnswers(`http://127.0.0.1:${port}/health/liveliness`, 120)
    return {
      name: 'LiteLLM',
      version,
      settings: 'one worker; key check on; no database, no spend log, no retries',
      child,
      ask: ({ name, stream }) => ({
        url: `http://127.0.0.1:${port}/v1/chat/completions`,
        headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
        body: chatBody(name, stream),
      }),
    }
  },
}

const configOf = (upstreams: readonly Upstream[]) => ({
  model_list: upstreams.map(({ name, dialect, url }) => ({
    model_name: name,
    litellm_params: {
      model: `${dialect}/${name}`,
      api_base: dialect === 'openai' ? `${url}/v1` : url,
      api_key: 'sk-upstream',
    },
  })),
  general_settings: { master_key: key },
  litellm_settings: { telemetry: false, num_retries: 0 },
})

async function install(): Promise<void> {
  if (await Bun.file(program).exists()) return
  await output(['python3', '-m', 'venv', folder])
  await output([`${folder}/bin/pip`, 'install', '-q', `litellm[proxy]==${version}`])
}
