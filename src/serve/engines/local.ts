import { request } from 'node:http'

export interface LocalAnswer {
  readonly status: number
  readonly text: string
}

interface Asking {
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

const maxBytes = 4 * 1024 * 1024

/**
 * A small call to this machine. Not `fetch`, which would send it through HTTP_PROXY. Follows no redirects. Rejects
 * when nobody answers in time.
 */
export const askLocal = (url: string, asking: Asking): Promise<LocalAnswer> =>
  new Promise((resolve, reject) => {
    const timeout = AbortSignal.timeout(asking.timeoutMs)
    const signal = asking.signal === undefined ? timeout : AbortSignal.any([timeout, asking.signal])
    const call = request(
      url,
      { method: asking.method ?? 'GET', headers: asking.headers, signal },
      (answer) => {
        const chunks: Buffer[] = []
        let bytes = 0
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes > maxBytes) call.destroy(new Error('too long an answer'))
          else chunks.push(chunk)
        })
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
        )
        answer.on('error', reject)
      },
    )
    call.on('error', reject)
    call.end(asking.body)
  })
