import { answerTooLarge, type ByteSource } from '../core/send.ts'

/** A body whole. Rejects with `Failure('upstream_too_large')` past the limit, and cancels the rest. */
export const readAll = async (
  source: Pick<ByteSource, 'read' | 'cancel'>,
  limitBytes: number,
): Promise<Uint8Array> => {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for (let piece = await source.read(); piece !== undefined; piece = await source.read()) {
    bytes += piece.byteLength
    if (bytes > limitBytes) {
      source.cancel()
      throw answerTooLarge(limitBytes)
    }
    pieces.push(piece)
  }
  const [only] = pieces
  return pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces)
}
