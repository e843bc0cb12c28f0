import type { Tool } from '../tool.ts'
import { aider } from './aider.ts'
import { claudeCode } from './claude-code.ts'
import { cline } from './cline.ts'
import { codex } from './codex.ts'
import { continueDev } from './continue.ts'
import { cursor } from './cursor.ts'
import { openWebui } from './open-webui.ts'
import { opencode } from './opencode.ts'
import { vscode } from './vscode.ts'
import { zed } from './zed.ts'

export const tools: readonly Tool[] = [
  claudeCode,
  codex,
  opencode,
  continueDev,
  cline,
  zed,
  vscode,
  cursor,
  aider,
  openWebui,
]
