import { Child, freePort } from '../child.ts'
import { startNginx, wholeMock } from './nginx.ts'
import { burstChunks, steadyEveryMs } from './upstream.ts'
import type { Upstream } from './upstream.ts'

/** The mocks, running: nginx for whole answers, a small process of our own for streams. */
export interface Upstreams extends AsyncDisposable {
  readonly whole: Upstream
  /** All chunks in one write. */
  readonly burst: Upstream
  readonly burstAnthropic: Upstream
  /** Each chunk on its own, for two minutes. */
  readonly steady: Upstream
  readonly steadyAnthropic: Upstream
  readonly all: readonly Upstream[]
}

export async function startUpstreams(): Promise<Upstreams> {
  const stack = new AsyncDisposableStack()
  const [wholePort, streamPort] = [freePort(), freePort()]
  stack.use(await startNginx('mock-whole', wholePort, wholeMock(wholePort)))
  const script = new URL('stream-mock.ts', import.meta.url).pathname
  const streams = new Child({ name: 'mock-streams', command: [process.execPath, script, `${streamPort}`] })
  stack.use(streams)
  await streams.untilAnswers(`http://127.0.0.1:${streamPort}/health`, 10)

  const [burstPath, steadyPath] = [`c${burstChunks}/e0`, `c${120_000 / steadyEveryMs}/e${steadyEveryMs}`]
  const streamed = (name: string, dialect: Upstream['dialect'], path: string): Upstream => ({
    name,
    dialect,
    stream: true,
    url: `http://127.0.0.1:${streamPort}/${path}`,
  })
  const mocks = {
    whole: { name: 'whole', dialect: 'openai', stream: false, url: `http://127.0.0.1:${wholePort}` },
    burst: streamed('burst', 'openai', burstPath),
    burstAnthropic: streamed('burst-anthropic', 'anthropic', burstPath),
    steady: streamed('steady', 'openai', steadyPath),
    steadyAnthropic: streamed('steady-anthropic', 'anthropic', steadyPath),
  } as const
  return { ...mocks, all: Object.values(mocks), [Symbol.asyncDispose]: () => stack.disposeAsync() }
}
