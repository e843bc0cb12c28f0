import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import * as fc from 'fast-check'

import { Failure } from '../core/failure.ts'
import { viewOfBytes, withFileView, type ByteView } from './bytes.ts'
import { makeGguf, makeSafetensors, type GgufPlan } from '../testing/model-files.ts'
import { inspectModel, parseModel } from './formats.ts'

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 1000)

let room = ''
beforeAll(async () => {
  room = await mkdtemp(join(tmpdir(), 'formats-'))
})
afterAll(() => rm(room, { recursive: true, force: true }))

const parse = (bytes: Uint8Array) => parseModel(viewOfBytes(bytes))

const codeOf = (work: () => unknown): string => {
  try {
    work()
    return 'none'
  } catch (error) {
    return error instanceof Failure ? error.code : String(error)
  }
}

test('a GGUF file tells what it holds', () => {
  const bytes = makeGguf()
  expect(parse(bytes)).toEqual({
    format: 'gguf',
    architecture: 'llama',
    name: 'Tiny',
    parameters: 64 * 5,
    quantisation: 'Q4_1',
    contextLength: 2048,
    embeddingLength: 64,
    layers: 2,
    tokenizer: 'gpt2',
    hasChatTemplate: true,
    chatTemplate: '{{ messages }}',
    tensors: 2,
    headerBytes: bytes.length - 848,
  })
})

test('a GGUF file without a file type is called by the type of most of its weights', () => {
  const facts = parse(makeGguf({ metadata: { 'general.architecture': 'x' } }))
  expect(facts).toMatchObject({ quantisation: 'F32', hasChatTemplate: false })
  expect(facts).not.toHaveProperty('contextLength')
})

test('a safetensors file tells what it holds', () => {
  expect(parse(makeSafetensors())).toMatchObject({
    format: 'safetensors',
    parameters: 9,
    quantisation: 'BF16',
    tensors: 2,
  })
})

const one = (tensor: object) => ({ tensors: [Object.assign({ name: 'a', shape: [64] }, tensor)] })
const brokenGgufs: Record<string, GgufPlan> = {
  'a version of tomorrow': { version: 4 },
  'the old version with short numbers': { version: 1 },
  'a key twice': { more: [['general.name', 'Other']] },
  'an impossible alignment': { more: [['general.alignment', 33]] },
  'an alignment of zero': { more: [['general.alignment', 0]] },
  'an alignment that is text': { more: [['general.alignment', '32']] },
  'a tensor beyond the end': one({ shape: [64, 100] }),
  'a tensor that overflows every size': one({ shape: [2 ** 31, 2 ** 31, 2 ** 31, 64] }),
  'a tensor of nothing': one({ shape: [0] }),
  'a tensor of five dimensions': one({ shape: [1, 1, 1, 1, 1] }),
  'a tensor of an unknown type': one({ type: 4 }),
  'a tensor with half a block': one({ shape: [33], type: 2 }),
  'a tensor out of line': one({ offset: 8 }),
  'a tensor twice': {
    tensors: [
      { name: 'a', shape: [8] },
      { name: 'a', shape: [8], offset: 32 },
    ],
  },
  'tensors on each other': {
    tensors: [
      { name: 'a', shape: [16] },
      { name: 'b', shape: [16], offset: 32 },
    ],
  },
  'an overlong name': one({ name: 'a'.repeat(300) }),
}
for (const [what, plan] of Object.entries(brokenGgufs)) {
  test(`a GGUF file with ${what} is refused`, () => {
    expect(codeOf(() => parse(makeGguf(plan)))).toBe('model_unsafe')
  })
}

const tensor = (fields: object = {}) =>
  Object.assign({ dtype: 'F32', shape: [5], data_offsets: [0, 20] }, fields)
const brokenSafetensors: Record<string, unknown> = {
  'a name twice': `{"a":${JSON.stringify(tensor())},"a":${JSON.stringify(tensor())}}`,
  'a header that is no object': '[1]',
  'a header that is no JSON': '{"a":',
  'an unknown type': { a: tensor({ dtype: 'F33' }) },
  'a shape that is not its size': { a: tensor({ shape: [6] }) },
  'a negative size': { a: tensor({ shape: [-5] }) },
  'a size beyond every number': { a: tensor({ shape: [2 ** 52, 2 ** 52, 0] }) },
  'an end before its start': { a: tensor({ data_offsets: [20, 0] }) },
  'bytes of no tensor at the end': { a: tensor({ shape: [4], data_offsets: [0, 16] }) },
  'bytes of no tensor at the start': { a: tensor({ shape: [4], data_offsets: [4, 20] }) },
  'two tensors in one place': { a: tensor(), b: tensor() },
  'more data than there is': { a: tensor({ shape: [6], data_offsets: [0, 24] }) },
  'a tensor that is a number': { a: 1 },
}
for (const [what, header] of Object.entries(brokenSafetensors)) {
  test(`a safetensors file with ${what} is refused`, () => {
    expect(codeOf(() => parse(makeSafetensors(header)))).toBe('model_unsafe')
  })
}

/** Counts what is read, so that a small file cannot make the parser work or allocate without end. */
const counted = (view: ByteView) => {
  const count = { reads: 0, bytes: 0 }
  const at = (offset: number, length: number) => {
    count.reads += 1
    const bytes = view.at(offset, length)
    count.bytes += length
    return bytes
  }
  return { count, view: { size: view.size, at } }
}

const hurt = fc.array(fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255))), {
  minLength: 1,
  maxLength: 12,
})

test('whatever bytes a file has, it is read in bounded work and gives facts or model_unsafe', () => {
  const wholes = [makeGguf(), makeSafetensors()]
  fc.assert(
    fc.property(fc.constantFrom(...wholes), hurt, fc.option(fc.nat()), (whole, changes, end) => {
      const bytes = Buffer.from(whole)
      for (const [at, value] of changes) bytes[at % bytes.length] = value
      const cut = end === null ? bytes : bytes.subarray(0, end % bytes.length)
      const { count, view } = counted(viewOfBytes(cut))
      expect(['none', 'model_unsafe']).toContain(codeOf(() => parseModel(view)))
      expect(count.reads).toBeLessThan(cut.length + 64)
      expect(count.bytes).toBeLessThan(3 * cut.length + 64)
    }),
    { numRuns: numRuns * 5 },
  )
})

test('any bytes behind a true start are facts or model_unsafe', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 400 }),
      fc.constantFrom('GGUF\u0003\0\0\0', '', '\u0010\0\0\0\0\0\0\0{'),
      (bytes, start) => {
        const whole = Buffer.concat([Buffer.from(start, 'latin1'), bytes])
        expect(['none', 'model_unsafe']).toContain(codeOf(() => parse(whole)))
      },
    ),
    { numRuns: numRuns * 3 },
  )
})

test('a header that promises a billion things is refused before they are looked for', () => {
  for (const at of [8, 16]) {
    const bytes = makeGguf()
    bytes.writeBigUInt64LE(1_000_000_000n, at)
    const { count, view } = counted(viewOfBytes(bytes))
    expect(codeOf(() => parseModel(view))).toBe('model_unsafe')
    expect(count.reads).toBeLessThan(10)
  }
})

test('formats that can carry code are refused by their content, under whatever name', async () => {
  const contents: Record<string, Buffer> = {
    'a pickle': Buffer.from('\u0080\u0004\u0095', 'latin1'),
    'a zip': Buffer.from('PK\u0003\u0004rest'),
    'an HDF5 file': Buffer.from('\u0089HDF\r\n\u001a\n', 'latin1'),
    'a program': Buffer.from('\u007FELF'),
    'a gzip archive': Buffer.from([0x1f, 0x8b, 8, 0]),
    'a web page': Buffer.from('<!DOCTYPE html><html>'),
    'a Git LFS pointer': Buffer.from('version https://git-lfs.github.com/spec/v1\n'),
    'in no format': Buffer.from('import os'),
  }
  for (const [what, bytes] of Object.entries({ ...contents, 'in no': Buffer.alloc(0) })) {
    const path = join(room, 'model.gguf')
    await writeFile(path, bytes)
    expect(() => inspectModel(path)).toThrow(what)
    expect(codeOf(() => inspectModel(path))).toBe('model_unsafe')
  }
})

test('a file of 40 GB is read by its header alone', async () => {
  const path = join(room, 'large.gguf')
  const shape = [2 ** 20, 10_000]
  await writeFile(path, makeGguf({ tensors: [{ name: 'a', shape }], data: 0 }))
  await truncate(path, 4 * 2 ** 20 * 10_000 + 4096)
  expect(inspectModel(path).parameters).toBe(2 ** 20 * 10_000)
})

test('a file is the same through its window as in memory, at any place and length', async () => {
  const bytes = Buffer.alloc(3_000_000)
  for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(at, at)
  const path = join(room, 'window')
  await writeFile(path, bytes)
  withFileView(path, (view) => {
    fc.assert(
      fc.property(fc.nat(bytes.length), fc.nat(1_500_000), (offset, length) => {
        const fits = offset + length <= bytes.length
        const read = () => view.at(offset, length)
        if (fits) expect(read().equals(bytes.subarray(offset, offset + length))).toBe(true)
        else expect(codeOf(read)).toBe('model_unsafe')
      }),
      { numRuns: Math.min(numRuns, 300) },
    )
  })
})
