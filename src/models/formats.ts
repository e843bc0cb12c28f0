import { Failure } from '../core/failure.ts'
import { withFileView, type ByteView } from './bytes.ts'
import type { ModelFacts } from './facts.ts'
import { parseGguf } from './gguf.ts'
import { parseSafetensors } from './safetensors.ts'

/* oxlint-disable no-control-regex -- file magics */
/** Formats by their first bytes, for the message. What is in none of these is refused all the same. */
const known: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/^\u0080[\u0002-\u0005]/, 'a pickle, which runs code when it is loaded'],
  [/^PK[\u0003\u0005]/, 'a zip (PyTorch, Keras, npz), which can hold a pickle'],
  [/^\u0089HDF\r\n/, 'an HDF5 file (Keras), which can hold code'],
  [/^\u001F\u008B/, 'a gzip archive'],
  [/^7z\u00BC\u00AF/, 'a 7-Zip archive'],
  [/^\u007FELF|^MZ|^[\u00CE\u00CF]\u00FA\u00ED\u00FE/, 'a program'],
  [/^\s*<(!doctype|html|\?xml)/i, 'a web page, perhaps an error page'],
  [/^version https:\/\/git-lfs/, 'a Git LFS pointer; the file itself was never fetched'],
]
/* oxlint-enable no-control-regex */

/**
 * What a model file is, by its content and never by its name. Throws `Failure('model_unsafe')` for whatever is not a
 * sound GGUF or safetensors file.
 */
export const inspectModel = (path: string): ModelFacts => withFileView(path, parseModel)

export const parseModel = (view: ByteView): ModelFacts => {
  const head = view.at(0, Math.min(view.size, 64))
  if (head.subarray(0, 4).toString('latin1') === 'GGUF') return parseGguf(view)
  if (head.length > 8 && head[8] === 0x7b && head.readBigUInt64LE(0) <= BigInt(view.size))
    return parseSafetensors(view)
  const what = known.find(([pattern]) => pattern.test(head.toString('latin1')))?.[1] ?? 'in no format we know'
  throw new Failure('model_unsafe', `The file is ${what}.`)
}
