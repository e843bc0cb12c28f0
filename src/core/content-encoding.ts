/** The content-encodings that are understood, by the platform's own names for them. */
const formats = {
  identity: 'identity',
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
  br: 'brotli',
  zstd: 'zstd',
} as const

export type ContentEncoding = (typeof formats)[keyof typeof formats]

const isKnown = (name: string): name is keyof typeof formats => Object.hasOwn(formats, name)

/** What a `content-encoding` header says; `identity` where there is none, undefined for what nobody here undoes. */
export function contentEncoding(header: string | null | undefined): ContentEncoding | undefined {
  const name = header?.trim().toLowerCase()
  if (name === undefined || name === '') return 'identity'
  return isKnown(name) ? formats[name] : undefined
}
