import * as fc from 'fast-check'
import { brotliCompressSync, gzipSync } from 'node:zlib'

/** What happens to one place of a body; `at` counts its places, and starts anew behind the last. */
type Edit = { readonly at: number } & (
  | { readonly do: 'put'; readonly text: string }
  /** What stands at another place takes its own. */
  | { readonly do: 'copy'; readonly from: number }
  | { readonly do: 'wrap'; readonly in: 'list' | 'object' }
  /** Its first member or item takes its place. */
  | { readonly do: 'unwrap' | 'drop' | 'repeat' }
  | { readonly do: 'rename'; readonly key: string }
  | { readonly do: 'add'; readonly key: string; readonly text: string }
)

/** What happens to the bytes; `share` of them stand before. */
interface Damage {
  readonly do: 'cut' | 'insert' | 'overwrite'
  readonly share: number
  readonly bytes: Uint8Array
}

/** A body gone wrong: as data, so that it can be made smaller until only what matters is left. */
export interface Mutation {
  readonly edits: readonly Edit[]
  readonly damage: Damage | undefined
  readonly encoding: Encoding
}

type Wrap = (bytes: Uint8Array<ArrayBuffer>) => { readonly body: Uint8Array; readonly said?: string }

const bomb = gzipSync(Buffer.alloc(16 * 1024 * 1024, ' '))

/** The bytes that are sent, and the content-encoding that is said. */
const encodings = {
  plain: (body) => ({ body }),
  gzip: (body) => ({ body: gzipSync(body), said: 'gzip' }),
  br: (body) => ({ body: brotliCompressSync(body), said: 'br' }),
  'gzip, cut': (body) => ({ body: gzipSync(body).subarray(0, -9), said: 'gzip' }),
  'gzip, only said': (body) => ({ body, said: 'gzip' }),
  'unknown, said': (body) => ({ body, said: 'gzip, rot13' }),
  bomb: () => ({ body: bomb, said: 'gzip' }),
} as const satisfies Record<string, Wrap>
type Encoding = keyof typeof encodings

/** Of every type and size; none has a blank. */
const oddTexts = [
  'null true false "" "text" [] {} [[]] [null] [{}] {"a":1} "\\u0020" "\\u0000" "\\ud800" "\\udc00x" "\\ufeff"',
  '0 -1 0.5 1e308 -0 1e400 1e-400 9007199254740993 2147483648 "data:image/png;base64,!" "://" "../.."',
].flatMap((line) => line.split(' '))
/** Nearly JSON. */
const brokenTexts = ['', '"a\nb"', '"\\x"', ..."NaN Infinity undefined 'x' 01 +1 .5 /**/1 1,".split(' ')]
const oddKeys = [
  '__proto__ constructor toString hasOwnProperty length 0 Model a.b \\ud800 \\u006dodel \\u0020',
  'type model stream messages content role tools function name id input',
]
  .flatMap((line) => line.split(' '))
  .concat('', 'x'.repeat(10_000))

/** Deeper than a parser that calls itself can go; longer than what is read in one go. */
const extremes = fc.oneof(
  fc.constantFrom(60, 600, 6_000, 60_000).map((depth) => `${'['.repeat(depth)}${']'.repeat(depth)}`),
  fc.constantFrom(60, 600, 6_000, 60_000).map((depth) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`),
  fc.constantFrom(6_000, 200_000).map((length) => `"${'long '.repeat(length / 5)}"`),
  fc.constantFrom(1_000, 50_000).map((length) => `[${'1,'.repeat(length)}1]`),
  fc.constant('9'.repeat(5_000)),
)

const at = fc.nat(200)
const text = fc.oneof(
  { weight: 40, arbitrary: fc.constantFrom(...oddTexts) },
  { weight: 2, arbitrary: fc.constantFrom(...brokenTexts) },
  { weight: 10, arbitrary: fc.json({ maxDepth: 3 }) },
  { weight: 1, arbitrary: extremes },
)
const key = fc.constantFrom(...oddKeys)
const edit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ at, do: fc.constant('put'), text }) },
  { weight: 3, arbitrary: fc.record({ at, do: fc.constant('copy'), from: at }) },
  {
    weight: 1,
    arbitrary: fc.record({ at, do: fc.constant('wrap'), in: fc.constantFrom('list', 'object') }),
  },
  { weight: 4, arbitrary: fc.record({ at, do: fc.constantFrom('unwrap', 'drop') }) },
  { weight: 1, arbitrary: fc.record({ at, do: fc.constant('repeat') }) },
  { weight: 2, arbitrary: fc.record({ at, do: fc.constant('rename'), key }) },
  { weight: 2, arbitrary: fc.record({ at, do: fc.constant('add'), key, text }) },
)

const damage: fc.Arbitrary<Damage> = fc.record({
  do: fc.constantFrom('cut', 'insert', 'overwrite'),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
  bytes: fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 4 }),
    fc.constantFrom(
      ...[[0xef, 0xbb, 0xbf], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0x00]].map((it) => new Uint8Array(it)),
    ),
  ),
})

export const mutations: fc.Arbitrary<Mutation> = fc.record({
  edits: fc.array(edit, { minLength: 1, maxLength: 3 }),
  damage: fc.oneof({ weight: 24, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: damage }),
  encoding: fc.oneof(
    { weight: 40, arbitrary: fc.constant<Encoding>('plain') },
    { weight: 1, arbitrary: fc.constantFrom(...(Object.keys(encodings) as Encoding[])) },
  ),
})

/** A request with the body so changed. */
export function mutated(body: object, { edits, damage: damaged, encoding }: Mutation): RequestInit {
  const root = [nodeOf(body)]
  for (const each of edits) apply(each, root)
  const wrap: Wrap = encodings[encoding]
  const { body: bytes, said } = wrap(spoilt(Buffer.from(root.map(printed).join(',')), damaged))
  return { body: bytes, ...(said !== undefined && { headers: { 'content-encoding': said } }) }
}

/** JSON that can hold what JSON cannot: keys and scalars are the text between the quotes, and the text. */
type Node = { text: string } | { items: Node[] } | { members: { key: string; value: Node }[] }

/** Where a node stands, and how it is put elsewhere. */
interface Place {
  readonly node: Node
  /** These take its place; none: it goes. */
  replace(...nodes: Node[]): void
  rename?(key: string): void
}

function nodeOf(value: unknown): Node {
  if (Array.isArray(value)) return { items: value.map(nodeOf) }
  if (typeof value !== 'object' || value === null) return { text: JSON.stringify(value) }
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return {
    members: members.map(([name, member]) => ({
      key: JSON.stringify(name).slice(1, -1),
      value: nodeOf(member),
    })),
  }
}

function printed(node: Node): string {
  if ('text' in node) return node.text
  if ('items' in node) return `[${node.items.map(printed).join(',')}]`
  return `{${node.members.map(({ key: name, value }) => `"${name}":${printed(value)}`).join(',')}}`
}

/** All places, the root among them. */
function* places(items: Node[]): Generator<Place> {
  for (const node of items) {
    yield { node, replace: (...nodes) => void items.splice(items.indexOf(node), 1, ...nodes) }
    yield* placesIn(node)
  }
}

function* placesIn(node: Node): Generator<Place> {
  if ('items' in node) yield* places(node.items)
  if (!('members' in node)) return
  const { members } = node
  for (const member of members) {
    yield {
      node: member.value,
      replace: (...nodes) =>
        void members.splice(
          members.indexOf(member),
          1,
          ...nodes.map((value) => ({ key: member.key, value })),
        ),
      rename: (name) => void (member.key = name),
    }
    yield* placesIn(member.value)
  }
}

function apply(each: Edit, root: Node[]): void {
  const all = [...places(root)]
  const place = all[each.at % all.length]
  if (place === undefined) return
  const { node } = place
  switch (each.do) {
    case 'put':
      return place.replace({ text: each.text })
    case 'copy':
      return place.replace(structuredClone(all[each.from % all.length]?.node ?? node))
    case 'wrap':
      return place.replace(each.in === 'list' ? { items: [node] } : { members: [{ key: 'a', value: node }] })
    case 'unwrap': {
      const first = 'items' in node ? node.items[0] : 'members' in node ? node.members[0]?.value : undefined
      return place.replace(first ?? { text: 'null' })
    }
    case 'drop':
      return place.replace()
    case 'repeat':
      return place.replace(node, structuredClone(node))
    case 'rename':
      return place.rename?.(each.key)
    case 'add':
      if ('items' in node) node.items.push({ text: each.text })
      if ('members' in node) node.members.push({ key: each.key, value: { text: each.text } })
  }
}

function spoilt(bytes: Buffer, damaged: Damage | undefined): Uint8Array<ArrayBuffer> {
  if (damaged === undefined) return Uint8Array.from(bytes)
  const split = Math.floor(bytes.length * damaged.share)
  const before = bytes.subarray(0, split)
  if (damaged.do === 'cut') return Uint8Array.from(before)
  const after = bytes.subarray(damaged.do === 'insert' ? split : split + damaged.bytes.length)
  return Uint8Array.from(Buffer.concat([before, damaged.bytes, after]))
}
