import type { Path } from './path.ts'

/** Values that are never shown, whoever wrote them into the file: keys, and whatever goes into headers. */
export function isSecret(path: Path): boolean {
  const name = path.findLast((step) => typeof step === 'string') ?? ''
  return path.includes('headers') || /^api-?key$|secret|password|^token$|authorization|credential/i.test(name)
}
