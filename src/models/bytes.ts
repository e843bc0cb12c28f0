import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

import { Failure } from '../core/failure.ts'

/** Read access to a file of any size, without holding it in memory. */
export interface ByteView {
  readonly size: number
  /** Exactly `length` bytes, valid until the next call. Throws `Failure('model_unsafe')` where the file has fewer. */
  at(offset: number, length: number): Buffer
}

const windowBytes = 1 << 20
const maxReadBytes = 64 << 20

export const cutOff = (): Failure => new Failure('model_unsafe', 'The model file is cut off or damaged.')

const within = (size: number, offset: number, length: number): void => {
  const fits = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0
  if (!fits || offset + length > size || length > maxReadBytes) throw cutOff()
}

export const viewOfBytes = (bytes: Uint8Array): ByteView => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return {
    size: buffer.length,
    at: (offset, length) => {
      within(buffer.length, offset, length)
      return buffer.subarray(offset, offset + length)
    },
  }
}

/** A view of a file through one window of 1 MiB, for as long as `use` runs. */
export const withFileView = <T>(path: string, use: (view: ByteView) => T): T => {
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    let window = Buffer.alloc(0)
    let start = 0
    return use({
      size,
      at: (offset, length) => {
        within(size, offset, length)
        if (offset < start || offset + length > start + window.length) {
          const wanted = Buffer.alloc(Math.min(Math.max(length, windowBytes), size - offset))
          window = wanted.subarray(0, readSync(file, wanted, 0, wanted.length, offset))
          start = offset
          if (window.length < length) throw cutOff()
        }
        return window.subarray(offset - start, offset - start + length)
      },
    })
  } finally {
    closeSync(file)
  }
}
