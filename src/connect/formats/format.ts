export const formatIds = ['jsonc', 'yaml', 'toml'] as const
export type FormatId = (typeof formatIds)[number]

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** A name, or a place in a list. */
export type Step = string | number

/** Edits settings as text: what is not edited keeps its bytes, comments and order. */
export interface Format {
  /** Throws where the text is not of this format. An empty text is undefined. */
  readonly read: (text: string) => unknown
  /** `text` may be empty. Objects on the way are made; a list takes one more at its end. */
  readonly set: (text: string, path: readonly Step[], value: Json) => string
  readonly remove: (text: string, path: readonly Step[]) => string
}
