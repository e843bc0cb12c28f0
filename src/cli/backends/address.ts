import { Failure } from '../../core/failure.ts'
import { serverUrl } from '../parse.ts'
import { maskedUrl } from './shown.ts'

/** The address of a backend. Its failures, unlike commander’s, do not repeat the word: it may hold a password. */
export const backendUrl = (text: string): string => {
  const { protocol = '' } = URL.parse(text) ?? {}
  if (protocol !== 'http:' && protocol !== 'https:')
    throw new Failure('usage_wrong', {
      message: 'What is given as an address is none.',
      help: 'An address such as http://127.0.0.1:8000 is wanted.',
    })
  return withoutSecrets(serverUrl(text))
}

/** Throws `Failure('usage_wrong')` for an address that would bring secrets into the config and into logs. */
export const withoutSecrets = (url: string): string => {
  if (maskedUrl(url) === url) return url
  throw new Failure('usage_wrong', {
    message: `Credentials and queries in an address are not taken: ${maskedUrl(url)}.`,
    help: 'Give the address alone, and the key with --key-env.',
  })
}
