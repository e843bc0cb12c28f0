import { Failure, asFailure } from '../../core/failure.ts'
import type { Identity } from '../../core/guard.ts'
import { JsonText } from '../../core/json.ts'
import { Fields } from '../../serve/surfaces/fields.ts'
import { ollamaError } from '../../serve/surfaces/ollama-error.ts'
import type { Asked, Page } from '../page.ts'

/** Brings models to this machine and takes them away, by the names that clients of Ollama use. */
export interface ModelKeeper {
  pull(name: string, watch: PullWatch): Promise<void>
  remove(name: string): Promise<void>
}

interface PullWatch {
  readonly onProgress: (progress: PullProgress) => void
  readonly signal: AbortSignal
}

interface PullProgress {
  readonly label: string
  /** Bytes. */
  readonly done: number
  readonly total?: number
}

/** What changes which models are here: for the keys of admins alone. */
export const storePages = (keeper: ModelKeeper): readonly Page[] => [
  forAdmins('POST', '/api/pull', (asked) => pull(asked, keeper)),
  forAdmins('DELETE', '/api/delete', async ({ body }) => {
    await keeper.remove(await modelIn(await body())).catch(notThere)
    return new Response()
  }),
  ...['create', 'copy', 'push', 'blobs/:digest'].map((name) =>
    forAdmins('POST', `/api/${name}`, () => {
      throw new Failure('unsupported', {
        message: 'Models are not made, named or given away through this interface.',
        help: 'A row in `models:` of the config gives a model another name, system text and settings.',
      })
    }),
  ),
]

const forAdmins = (method: Page['method'], path: string, answer: Page['answer']): Page => ({
  method,
  path,
  error: ollamaError,
  answer: (asked) => {
    mustBeAdmin(asked.identity)
    return answer(asked)
  },
})

function mustBeAdmin({ name, admin }: Identity): void {
  if (admin === true) return
  throw new Failure('admin_needed', `The key ${name} may not change which models are here.`)
}

const notThere = (thrown: unknown): never => {
  const failure = asFailure(thrown)
  if (failure.code !== 'model_missing') throw failure
  throw new Failure('model_unknown', { message: failure.message, param: 'model' })
}

async function pull({ body, request }: Asked, keeper: ModelKeeper): Promise<Response> {
  const bytes = await body()
  const name = await modelIn(bytes)
  const isStream = new Fields(JsonText.parse(bytes)).boolean('stream') ?? true
  if (isStream) return new Response(progressOf(name, keeper), { headers: streamHeaders })
  await keeper.pull(name, { onProgress: () => {}, signal: request.signal })
  return Response.json({ status: 'success' })
}

const streamHeaders = { 'content-type': 'application/x-ndjson', 'cache-control': 'no-cache' }

/** A line for each step, and no more of them than a person can follow. Who leaves ends the pull; what came is kept. */
function progressOf(name: string, keeper: ModelKeeper): ReadableStream<Uint8Array> {
  const life = new AbortController()
  return new ReadableStream({
    async start(controller) {
      const write = (text: string): void => {
        if (!life.signal.aborted) controller.enqueue(encoder.encode(`${text}\n`))
      }
      const say = (value: object): void => write(JSON.stringify(value))
      say({ status: 'pulling manifest' })
      try {
        await keeper.pull(name, { onProgress: steps(say), signal: life.signal })
        say({ status: 'success' })
      } catch (thrown) {
        write(ollamaError(asFailure(thrown), ''))
      }
      if (!life.signal.aborted) controller.close()
    },
    cancel: () => life.abort(),
  })
}

const encoder = new TextEncoder()

/** Progress as lines; of one label only each further hundredth. */
function steps(say: (value: object) => void): PullWatch['onProgress'] {
  let last = ''
  return ({ label, done, total }) => {
    const step = `${label} ${total === undefined ? '' : Math.floor((done / total) * 100)}`
    if (step === last) return
    last = step
    say({ status: label, ...(total !== undefined && { total, completed: done }) })
  }
}

/** `model`, or its older name. Throws `Failure('bad_request')`. */
export async function modelIn(bytes: Uint8Array): Promise<string> {
  const fields = new Fields(await JsonText.read(bytes))
  const older = fields.text('name')
  return fields.required('model', fields.text('model') ?? older)
}
