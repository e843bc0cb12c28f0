import { Failure, type FailureCode } from '../../core/failure.ts'
import { JsonText } from '../../core/json.ts'
import type { Surface } from '../../core/surface.ts'

/** One text, as Ollama's clients read it. An upstream's own error in this shape goes through as it came. */
export const ollamaError: Surface['error'] = (failure) => upstreamError(failure) ?? ownError(failure)

const ownError = ({ code, message, help }: Failure): string =>
  JSON.stringify({ error: `${beginnings[code] ?? ''}${message} ${help}` })

/** What clients look for in the text. */
const beginnings: Partial<Record<FailureCode, string>> = {
  model_unknown: 'model not found: ',
  upstream_not_found: 'model not found: ',
}

function upstreamError({ code, facts }: Failure): string | undefined {
  // It speaks of our credentials and not the client's.
  if (facts.upstream === undefined || code === 'upstream_auth') return undefined
  try {
    const body = JsonText.parse(facts.upstream.body)
    return typeof body.get('error') === 'string' ? decoder.decode(body.bytes).trimEnd() : undefined
  } catch (thrown) {
    if (thrown instanceof Failure) return undefined
    throw thrown
  }
}

const decoder = new TextDecoder()
