import { expect, test } from 'bun:test'

import { JsonText } from '../../core/json.ts'
import { atOnce } from '../../core/turns.ts'
import { refuseAddresses } from './media.ts'

const address = 'http://169.254.169.254/latest/meta-data/'
const image = 'data:image/png;base64,iVBORw0KGgo='

const outcome = (content: unknown, list: 'messages' | 'input' = 'messages'): string =>
  outcomeOf(JSON.stringify({ [list]: [{ role: 'user', content }] }), list)

function outcomeOf(body: string, list: 'messages' | 'input'): string {
  try {
    atOnce(refuseAddresses(JsonText.parse(new TextEncoder().encode(body)), list))
    return 'passes'
  } catch (thrown) {
    return (thrown as { code: string }).code
  }
}

test.each([
  ['an image by its address', { type: 'image_url', image_url: { url: address } }],
  ['the short form', { type: 'image_url', image_url: address }],
  ['a video', { type: 'video_url', video_url: { url: address } }],
  ['audio', { type: 'audio_url', audio_url: { url: address } }],
  ['a file of this machine', { type: 'image_url', image_url: { url: 'file:///etc/passwd' } }],
  ['another scheme', { type: 'image_url', image_url: { url: 'HTTPS://[::1]/x' } }],
])('no engine of ours is sent to fetch %s', (_, part) => {
  expect(outcome([{ type: 'text', text: 'look' }, part])).toBe('unsupported')
})

test('however the key is written', () => {
  const part = String.raw`{"type":"image\u005furl","image\u005furl":{"url":"${address}"}}`
  expect(outcomeOf(`{"messages":[{"role":"user","content":[${part}]}]}`, 'messages')).toBe('unsupported')
})

test('nor by the input of a response', () => {
  expect(outcome([{ type: 'input_image', image_url: address }], 'input')).toBe('unsupported')
  expect(outcome([{ type: 'input_file', file_url: address }], 'input')).toBe('unsupported')
})

test('what comes along in the request passes, and so does talk of addresses', () => {
  expect(outcome([{ type: 'image_url', image_url: { url: image } }])).toBe('passes')
  expect(outcome(`what does "image_url": "${address}" mean? ü`)).toBe('passes')
  expect(outcome([{ type: 'text', text: `"image_url":{"url":"${address}"}` }])).toBe('passes')
})
