import { expect, test } from 'bun:test'

import { masked } from './masked.ts'

const ours = `ih-${'a1B2'.repeat(9)}`

test.each([
  ['"apiKey": "s3cret value",', '"apiKey": "…",'],
  ['{"a":{"API_KEY":"s3cret"},"b":1}', '{"a":{"API_KEY":"…"},"b":1}'],
  ["api-key: 's3cret'", "api-key: '…'"],
  ['token: s3cret', 'token: …'],
  ['# openai-api-key: s3cret', '# openai-api-key: …'],
  ['client_secret = "s3\\"cret"', 'client_secret = "…"'],
  ['password=s3cret', 'password=…'],
  ['"Authorization": "Basic s3cret"', '"Authorization": "…"'],
  ['args: ["--header", "Authorization: Token s3cret"]', 'args: ["--header", "Authorization: …"]'],
  ['- Bearer s3cret', '- Bearer …'],
  ['keys: ["s3cret"]', 'keys: ["…"]'],
  ['"apiKey":\n  "s3cret"', '"apiKey":\n  "…"'],
  ['url: https://me:s3cret@host/v1', 'url: https://me:…@host/v1'],
  ['- sk-proj-0123456789abcdef', '- …'],
  [`openai-api-key: ${ours}`, 'openai-api-key: ih-…'],
  [`"Authorization": "Bearer ${ours}"`, '"Authorization": "Bearer ih-…"'],
])('%j is shown without its secret', (text, shown) => {
  expect(masked(text)).toBe(shown)
})

test.each([
  'max_tokens: 4096',
  'env_key = "INHOUSE_KEY"',
  'api_key: ${OPENAI_API_KEY}',
  'apiKeyHelper: cat /home/me/key',
  '"keys": {',
  'model: small # the one with the key',
  'theme: dark',
])('%j is shown as it is', (text) => {
  expect(masked(text)).toBe(text)
})
