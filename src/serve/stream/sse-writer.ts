/** One message of an event stream. `event` is a name without line ends; each line of `data` gets its own field. */
export function sseMessage(data: string, event?: string): string {
  const head = event === undefined ? '' : `event: ${event}\n`
  if (!data.includes('\n') && !data.includes('\r')) return `${head}data: ${data}\n\n`
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`)
  return `${head}${lines.join('')}\n`
}

/** A comment: readers of an event stream skip it. */
export const ssePing = ': ping\n\n'
