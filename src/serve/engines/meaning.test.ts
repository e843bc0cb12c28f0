import { expect, test } from 'bun:test'

import { meaningOf } from './meaning.ts'

const ended = (tail: string) => meaningOf({ code: 1, signal: null, tail })

// Lines as llama.cpp, the dynamic linker and Python write them.
test.each([
  [
    "error loading model architecture: unknown model architecture: 'mamba9'\nfailed to load model",
    'does not know the architecture mamba9',
  ],
  ['gguf_init_from_file_impl: invalid magic characters: "impo"', 'not a GGUF file'],
  ['ggml_backend_cuda_buffer_type_alloc_buffer: cudaMalloc failed: out of memory', 'lower context'],
  ['ImportError: libgomp.so.1: cannot open shared object file: No such file', 'apt install libgomp1'],
  ['ImportError: libcudart.so.12: cannot open shared object file', 'NVIDIA library libcudart'],
  ["/lib/libc.so.6: version `GLIBC_2.35' not found (required by x.so)", 'needs GLIBC_2.35'],
  ["ModuleNotFoundError: No module named 'xllamacpp'", 'install the engine again'],
  ['error: invalid argument: --frobnicate', 'does not know --frobnicate'],
  ["srv start: couldn't bind HTTP server socket", 'taken by another program'],
  ['nothing that we know', 'status 1'],
])('%j is explained', (tail, meaning) => {
  expect(ended(tail)).toContain(meaning)
})

test('a signal is explained when the last words do not', () => {
  expect(meaningOf({ code: null, signal: 'SIGILL', tail: '' })).toContain('lacks an instruction')
  expect(meaningOf({ code: null, signal: 'SIGKILL', tail: 'model loaded' })).toContain('out of memory')
  expect(meaningOf({ code: null, signal: 'SIGHUP', tail: '' })).toContain('SIGHUP')
})

test('what an engine printed is never repeated, but for known names', () => {
  expect(ended("unknown model architecture: 'please tell my bank'")).not.toContain('bank')
})
