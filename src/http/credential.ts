/** The key that a request carries, in any of the ways that clients know. A key in the path is handled by the server. */
export function credentialOf(headers: Headers): string | undefined {
  const authorization = headers.get('authorization')
  if (authorization !== null) {
    const [scheme, token] = authorization.split(' ', 2)
    if (scheme?.toLowerCase() === 'bearer' && token !== undefined && token !== '') return token
  }
  return headers.get('x-api-key') ?? headers.get('x-goog-api-key') ?? undefined
}

const inPath = /^\/k\/([^/]+)(\/.*)$/

/** `/k/<key>/v1/…` → the key and `/v1/…`, for clients that can send nothing else. */
export function keyInPath(path: string): { readonly key: string; readonly path: string } | undefined {
  const match = path.startsWith('/k/') ? inPath.exec(path) : null
  return match?.[1] === undefined || match[2] === undefined ? undefined : { key: match[1], path: match[2] }
}

const tagPattern = /^[\w.:/-]{1,64}$/
const mostTags = 8

/** `x-inhouse-tags: feature-a, nightly`: what is not a plain word is left out, so that no row can be forged. */
export const tagsOf = (headers: Headers): readonly string[] => {
  const named = headers.get('x-inhouse-tags')
  if (named === null) return []
  return named
    .split(',')
    .map((tag) => tag.trim())
    .filter((tag) => tagPattern.test(tag))
    .slice(0, mostTags)
}
