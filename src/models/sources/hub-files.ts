import type { Role } from './source.ts'

/** A file of a hub repository, as its listing names it. */
export interface HubFile {
  readonly path: string
  readonly bytes: number
  /** Digest of a large file. */
  readonly sha256?: string
  /** Git's id of a small one. */
  readonly gitId?: string
}

export interface Chosen {
  readonly file: HubFile
  readonly role: Role
}

/** Tried in this order where the reference names none: good quality for the size first. */
const preferred = [
  'Q4_K_M',
  'Q4_K_S',
  'Q4_0',
  'Q4_1',
  'IQ4_XS',
  'Q5_K_M',
  'Q6_K',
  'Q8_0',
  'MXFP4',
  'BF16',
  'F16',
]

const sidecars =
  /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|preprocessor_config|processor_config|chat_template)\.json$|^merges\.txt$|^chat_template\.jinja$|^tokenizer\.model$|\.safetensors\.index\.json$/

const part = /-(\d{5})-of-(\d{5})\.gguf$/i

/** Which files of a repository make the model. `wanted` is a path, a quantisation, or nothing. Pure. */
export const chooseFiles = (files: readonly HubFile[], wanted: string | undefined): readonly Chosen[] => {
  const ggufs = files.filter(({ path }) => /\.gguf$/i.test(path) && !/(^|[/_.-])mmproj/i.test(path))
  const exact = files.find(({ path }) => path === wanted)
  if (exact !== undefined) return asModel(withAllParts(exact, files))
  const models = ggufs.filter(({ path }) => Number(part.exec(path)?.[1] ?? 1) === 1)
  if (wanted !== undefined) return asModel(withAllParts(models.find(hasQuantisation(wanted)), files))
  const [only, ...more] = models
  if (only !== undefined && more.length === 0) return asModel(withAllParts(only, files))
  for (const quantisation of preferred) {
    const match = models.find(hasQuantisation(quantisation))
    if (match !== undefined) return asModel(withAllParts(match, files))
  }
  return only === undefined ? safetensors(files) : []
}

/** `Q4_K_M` between separators, so that it is not found in `Q4_K_M_L`, nor `Q4_0` in `IQ4_0`. */
const hasQuantisation = (quantisation: string) => {
  const escaped = quantisation.replaceAll(/[^\w]/g, String.raw`\$&`)
  const pattern = new RegExp(`(^|[/.-])(UD-)?${escaped}([/.]|-\\d{5}-of-|$)`, 'i')
  return ({ path }: HubFile): boolean => pattern.test(path)
}

/** Nothing, where one of its parts is missing. */
const withAllParts = (first: HubFile | undefined, files: readonly HubFile[]): readonly HubFile[] => {
  const [suffix, , count] = part.exec(first?.path ?? '') ?? []
  if (first === undefined) return []
  if (suffix === undefined) return [first]
  const stem = first.path.slice(0, -suffix.length)
  const parts = files.filter(({ path }) => {
    const [own, , ofAll] = part.exec(path) ?? []
    return own !== undefined && path === stem + own && ofAll === count
  })
  return parts.length === Number(count) ? parts : []
}

const asModel = (files: readonly HubFile[]): readonly Chosen[] =>
  files
    .map((file) => ({ file, role: 'model' as const }))
    .toSorted((a, b) => (a.file.path < b.file.path ? -1 : 1))

/** The weights at the top of the repository, with the small files that an engine needs beside them. */
const safetensors = (files: readonly HubFile[]): readonly Chosen[] => {
  const top = files.filter(({ path }) => !path.includes('/'))
  const weights = asModel(top.filter(({ path }) => path.endsWith('.safetensors')))
  if (weights.length === 0) return []
  const beside = top.filter(({ path }) => sidecars.test(path))
  return [...weights, ...beside.map((file) => ({ file, role: 'sidecar' as const }))]
}
