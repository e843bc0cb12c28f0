import { expect, test } from 'bun:test'

import { chooseFiles } from './hub-files.ts'

const repository = (...paths: readonly string[]) => paths.map((path) => ({ path, bytes: 1 }))
const chosen = (paths: readonly string[], wanted?: string) =>
  chooseFiles(repository(...paths), wanted).map(({ file }) => file.path)

const many = [
  'README.md',
  'm-Q8_0.gguf',
  'm-Q4_K_M.gguf',
  'm-Q4_K_M_L.gguf',
  'm-IQ4_0.gguf',
  'm-Q4_0.gguf',
  'mmproj-m-Q8_0.gguf',
]

test('a quantisation is found whole, never as a part of another name', () => {
  expect(chosen(many, 'Q4_0')).toEqual(['m-Q4_0.gguf'])
  expect(chosen(many, 'q4_k_m')).toEqual(['m-Q4_K_M.gguf'])
  expect(chosen(many, 'Q8_0')).toEqual(['m-Q8_0.gguf'])
  expect(chosen(many, 'Q5_K')).toEqual([])
  expect(chosen(['m.Q4_1.gguf'], 'Q4_1')).toEqual(['m.Q4_1.gguf'])
  expect(chosen(['m-UD-Q4_K_XL.gguf'], 'Q4_K_XL')).toEqual(['m-UD-Q4_K_XL.gguf'])
})

test('without a wish the usual quantisation is taken, and a lone file whatever it is', () => {
  expect(chosen(many)).toEqual(['m-Q4_K_M.gguf'])
  expect(chosen(['m-IQ1_S.gguf', 'x.txt'])).toEqual(['m-IQ1_S.gguf'])
  expect(chosen(['m-one.gguf', 'm-two.gguf'])).toEqual([])
})

test('a model in parts comes with all of its own parts, in order', () => {
  const parts = [
    'Q8_0/m-Q8_0-00002-of-00002.gguf',
    'Q8_0/m-Q8_0-00001-of-00002.gguf',
    'Q4_0/m-Q4_0-00001-of-00001.gguf',
  ]
  expect(chosen(parts, 'Q8_0')).toEqual([
    'Q8_0/m-Q8_0-00001-of-00002.gguf',
    'Q8_0/m-Q8_0-00002-of-00002.gguf',
  ])
  expect(chosen(parts, 'Q8_0/m-Q8_0-00001-of-00002.gguf')).toHaveLength(2)
})

test('a model of which a part is missing is not taken, and parts of a longer name are not its own', () => {
  const parts = ['m-00001-of-00002.gguf', 'm-00002-of-00002.gguf', 'm-x-00001-of-00002.gguf']
  expect(chosen(parts, 'm-00001-of-00002.gguf')).toEqual(parts.slice(0, 2))
  expect(chosen(parts, 'm-x-00001-of-00002.gguf')).toEqual([])
  expect(chosen(['m-Q8_0-00001-of-00003.gguf', 'm-Q8_0-00003-of-00003.gguf'], 'Q8_0')).toEqual([])
})

test('safetensors come with the small files beside them, and with nothing that holds code', () => {
  const paths = [
    'model.safetensors',
    'config.json',
    'tokenizer.json',
    'modeling.py',
    'pytorch_model.bin',
    'onnx/model.safetensors',
  ]
  expect(chosen(paths)).toEqual(['model.safetensors', 'config.json', 'tokenizer.json'])
  expect(chosen(['pytorch_model.bin', 'config.json'])).toEqual([])
})
