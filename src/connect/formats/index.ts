import type { Format, FormatId } from './format.ts'
import { jsonc } from './jsonc.ts'
import { toml } from './toml.ts'
import { yaml } from './yaml.ts'

export const formats: Readonly<Record<FormatId, Format>> = { jsonc, yaml, toml }
