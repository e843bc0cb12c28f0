import { createHmac, hash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

const prefix = 'ih-'
const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** 32 characters of 62 are 190 bits. */
const randomLength = 32
const checkLength = 6
const shape = new RegExp(`^${prefix}[0-9A-Za-z]{${randomLength + checkLength}}$`)

/** A new secret: `ih-`, 32 random characters, and 6 that tell a typo from a key of somewhere else. */
export function mintSecret(): string {
  const body = prefix + randomText(randomLength)
  return body + checkOf(body)
}

export const mintKeyId = (): string => `key_${randomText(16)}`

/** What a text that claims to be a key looks like, before anybody is asked whether it is one. */
export function readSecret(text: string): 'whole' | 'mistyped' | 'foreign' {
  if (!text.startsWith(prefix)) return 'foreign'
  if (!shape.test(text)) return 'mistyped'
  return checkOf(text.slice(0, -checkLength)) === text.slice(-checkLength) ? 'whole' : 'mistyped'
}

/** All that is kept of a secret. Its 190 random bits need no salt and no slow hash: there is nothing to guess. */
export const hashSecret = (secret: string): string => hash('sha256', secret, 'hex')

/** So much of a secret's hash names it to a server, and gives nothing away of the rest. */
export const hashPrefixLength = 12

/** What only who knows the key, or its hash, can say to a nonce. */
export const proofOf = (keyHash: string, nonce: string): string =>
  createHmac('sha256', keyHash).update(`health ${nonce}`).digest('hex')

/** Even chances: bytes beyond the last whole multiple of 62 are thrown away. */
function randomText(length: number): string {
  let text = ''
  while (text.length < length) {
    for (const byte of randomBytes(length))
      if (byte < 248 && text.length < length) text += alphabet[byte % 62]
  }
  return text
}

function checkOf(body: string): string {
  let rest = crc32(body)
  let check = ''
  for (let i = 0; i < checkLength; i++) {
    check = (alphabet[rest % 62] as string) + check
    rest = Math.floor(rest / 62)
  }
  return check
}
