import { expect, test } from 'bun:test'

import { exitReason } from './exit-reason.ts'

const ended = (tail: string) => exitReason({ code: 1, signal: null, tail })

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
  ["KeyError: 'GGML_TYPE_Q9_9'", 'cacheType'],
  ["AttributeError: 'CommonParams' object has no attribute 'fit_params'", 'does not know fit_params'],
  ['E srv init: chat template parsing error: Expected statement', 'template was refused'],
  ["srv start: couldn't bind HTTP server socket", 'taken by another program'],
  ['nothing that we know', 'status 1'],
])('%j is explained', (tail, meaning) => {
  expect(ended(tail)).toContain(meaning)
})

test('a signal from outside is the reason, whatever the engine said before', () => {
  const killed = (signal: string, tail: string) => exitReason({ code: null, signal, tail })
  expect(killed('SIGILL', '')).toContain('lacks an instruction')
  expect(killed('SIGKILL', 'failed to allocate a large page, trying without')).toContain(
    'killed from outside',
  )
  expect(killed('SIGABRT', 'cudaMalloc failed: out of memory')).toContain('lower context')
  expect(killed('SIGSEGV', 'model loaded')).toBe('it crashed (SIGSEGV)')
})

test('a template that is only shown is no reason', () => {
  expect(ended("srv init: chat template, example_format: '<|im_start|>'")).toBe('it ended with status 1')
})

test('what an engine printed is never repeated, but for known names', () => {
  expect(ended("unknown model architecture: 'please tell my bank'")).not.toContain('bank')
})
