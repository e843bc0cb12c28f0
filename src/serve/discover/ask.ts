import { Failure, asFailure } from '../../core/failure.ts'
import type { Transport } from '../../core/send.ts'

/** What a server said to one question. */
export interface Answer {
  readonly status: number
  readonly text: string
  /** Undefined where it is not JSON. */
  readonly json: unknown
}

interface Question {
  /** Sent as JSON with POST; left out: a GET. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** Asks below one address. Never throws: undefined where nobody answered in time. */
export type Ask = (path: string, question?: Question) => Promise<Answer | undefined>

interface Asking {
  /** Without a slash at its end. */
  readonly root: string
  readonly headers: Readonly<Record<string, string>>
  readonly transport: Transport
  readonly timeoutMs?: number
  /** Told of each question that got no answer. */
  readonly onFailure?: (failure: Failure) => void
}

const mostBytes = 8 * 1024 ** 2
const defaultTimeoutMs = 2000

/** The same GET is sent once, however often it is asked. Redirects are answers like any other, and are not followed. */
export const createAsk = ({
  root,
  headers,
  transport,
  timeoutMs = defaultTimeoutMs,
  onFailure = () => {},
}: Asking): Ask => {
  const send = async (path: string, { body, headers: more }: Question): Promise<Answer | undefined> => {
    const stop = new AbortController()
    const late = new Failure('first_event_timeout', `${root} did not answer in ${timeoutMs} ms.`)
    const timer = setTimeout(() => stop.abort(late), timeoutMs)
    try {
      const reply = await transport({
        method: body === undefined ? 'GET' : 'POST',
        url: root + path,
        headers: { ...headers, ...more, ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { body: new TextEncoder().encode(JSON.stringify(body)) }),
        signal: stop.signal,
        connectTimeoutMs: timeoutMs,
      })
      const text = new TextDecoder().decode(await reply.body.all(mostBytes))
      return { status: reply.status, text, json: parsed(text) }
    } catch (thrown) {
      onFailure(asFailure(thrown))
      return undefined
    } finally {
      clearTimeout(timer)
    }
  }
  const asked = new Map<string, Promise<Answer | undefined>>()
  return (path, question = {}) => {
    if (question.body !== undefined) return send(path, question)
    const answer = asked.get(path) ?? send(path, question)
    asked.set(path, answer)
    return answer
  }
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
