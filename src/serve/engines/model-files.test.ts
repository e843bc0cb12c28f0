import { expect, test } from 'bun:test'

import { modelFiles } from './model-files.ts'

test('a model in one file is that file, with its projector where it has one', () => {
  expect(modelFiles({ modelPath: '/m/x.gguf' })).toEqual(['/m/x.gguf'])
  expect(modelFiles({ modelPath: '/m/x.gguf', mmproj: '/m/p.gguf' })).toEqual(['/m/x.gguf', '/m/p.gguf'])
})

test('a model in parts is all of them', () => {
  expect(modelFiles({ modelPath: '/m/x-00001-of-00002.gguf' })).toEqual([
    '/m/x-00001-of-00002.gguf',
    '/m/x-00002-of-00002.gguf',
  ])
  expect(modelFiles({ modelPath: '/m/x-00002-of-00002.gguf' })).toEqual(['/m/x-00002-of-00002.gguf'])
})
