/** A vector as numbers, or as the base64 of its little-endian float32, whichever way it came. */
export function encodeVector(
  vector: readonly number[] | string,
  encoding: 'float' | 'base64',
): readonly number[] | string {
  if (encoding === 'base64') return typeof vector === 'string' ? vector : toBase64(vector)
  return typeof vector === 'string' ? fromBase64(vector) : vector
}

function toBase64(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4)
  for (const [at, value] of vector.entries()) bytes.writeFloatLE(value, at * 4)
  return bytes.toString('base64')
}

function fromBase64(text: string): number[] {
  const bytes = Buffer.from(text, 'base64')
  return Array.from({ length: bytes.length >> 2 }, (_, at) => bytes.readFloatLE(at * 4))
}
