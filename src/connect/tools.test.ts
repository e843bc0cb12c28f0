import { describe, expect, test } from 'bun:test'

import { formats } from './formats/index.ts'
import { applySettings } from './settings.ts'
import { languages, snippet } from './snippets.ts'
import type { Connection, Places } from './tool.ts'
import { tools } from './tools/index.ts'

const small = { name: 'small', context: 32_768, capabilities: ['chat', 'tools'] } as const
const connection: Connection = {
  url: 'http://127.0.0.1:4141',
  key: 'ih-secret',
  keyFile: '/ih/connect/x.key',
  model: small,
  models: [{ name: 'vectors', capabilities: ['embed'] }, small, { name: 'other' }],
}
const places = (platform: string, env: Places['env'] = {}): Places => ({
  home: '/me',
  platform,
  env,
  exists: () => false,
})

const written = (id: string, at = places('linux')): Record<string, unknown> => {
  const tool = tools.find((each) => each.id === id)
  const [file] = tool?.files?.(connection, at) ?? []
  if (file === undefined) throw new Error(`${id} writes nothing.`)
  const format = formats[file.format]
  return { path: file.path, holds: format.read(applySettings(format, '', file.settings)) }
}

test.each(tools.map((tool) => [tool.id, tool] as const))(
  '%s says what it needs, and its settings can be written into an empty file',
  (_, tool) => {
    expect(tool.docs).toStartWith('https://')
    expect(tool.steps(connection).length).toBeGreaterThan(0)
    const files = tool.files?.(connection, places('linux')) ?? []
    for (const { format, settings } of files) {
      const text = applySettings(formats[format], '', settings)
      expect(text).toContain('127.0.0.1:4141')
      // Either the key, or where it stands.
      expect(text.includes(connection.key) || text.includes(connection.keyFile)).toBe(true)
    }
    if (files.length === 0) expect(tool.steps(connection).join('\n')).toContain(connection.key)
  },
)

test('Claude Code asks the one model for all that it wants, and knows how much it takes', () => {
  expect(written('claude-code')).toEqual({
    path: '/me/.claude/settings.json',
    holds: {
      env: {
        ANTHROPIC_BASE_URL: 'http://127.0.0.1:4141',
        ANTHROPIC_AUTH_TOKEN: 'ih-secret',
        ANTHROPIC_MODEL: 'small',
        ANTHROPIC_DEFAULT_HAIKU_MODEL: 'small',
        ANTHROPIC_DEFAULT_SONNET_MODEL: 'small',
        ANTHROPIC_DEFAULT_OPUS_MODEL: 'small',
        CLAUDE_CODE_MAX_CONTEXT_TOKENS: '32768',
        CLAUDE_CODE_MAX_OUTPUT_TOKENS: '8192',
      },
    },
  })
})

test('Continue is told which models chat and which embed, the chosen one first', () => {
  const { holds } = written('continue')
  const { models } = holds as { models: { model: string; roles: string[] }[] }
  expect(models.map(({ model, roles }) => [model, roles])).toEqual([
    ['small', ['chat', 'edit', 'apply']],
    ['vectors', ['embed']],
    ['other', ['chat', 'edit', 'apply']],
  ])
})

test('VS Code is told no more of a model than it takes', () => {
  const [{ models }] = written('vscode')['holds'] as [
    { models: { maxInputTokens: number; maxOutputTokens: number }[] },
  ]
  expect(models.map(({ maxInputTokens, maxOutputTokens }) => maxInputTokens + maxOutputTokens)).toEqual([
    32_768, 8192,
  ])
})

describe('settings stand where the tool looks for them', () => {
  test.each([
    ['vscode', 'linux', {}, '/me/.config/Code/User/chatLanguageModels.json'],
    ['vscode', 'darwin', {}, '/me/Library/Application Support/Code/User/chatLanguageModels.json'],
    ['zed', 'linux', { XDG_CONFIG_HOME: '/cfg' }, '/cfg/zed/settings.json'],
    ['zed', 'darwin', { XDG_CONFIG_HOME: '/cfg' }, '/me/.config/zed/settings.json'],
    ['codex', 'linux', { CODEX_HOME: '/cx' }, '/cx/config.toml'],
    ['claude-code', 'darwin', { CLAUDE_CONFIG_DIR: '/cc' }, '/cc/settings.json'],
    ['opencode', 'linux', { XDG_CONFIG_HOME: '/cfg' }, '/cfg/opencode/opencode.json'],
    ['opencode', 'linux', { OPENCODE_CONFIG: '/oc.json' }, '/oc.json'],
    ['cline', 'linux', { CLINE_DATA_DIR: '/cl' }, '/cl/settings/providers.json'],
    ['continue', 'linux', { CONTINUE_GLOBAL_DIR: '/cn' }, '/cn/config.yaml'],
    ['aider', 'darwin', {}, '/me/.aider.conf.yml'],
  ])('%s on %s with %p', (id, platform, env, path) => {
    expect(written(id, places(platform, env))['path']).toBe(path)
  })

  test('of OpenCode in the file with comments, where there is one', () => {
    const at = { ...places('linux'), exists: (path: string) => path.endsWith('.jsonc') }
    expect(written('opencode', at)['path']).toBe('/me/.config/opencode/opencode.jsonc')
  })
})

test('no key stands in the arguments of a launched agent', () => {
  for (const tool of tools) {
    const start = tool.launch?.(connection)
    expect(JSON.stringify(start?.args ?? [])).not.toContain(connection.key)
  }
})

test.each(languages)('the program in %s names the address and the model, and reads the key', (language) => {
  const text = snippet(language, { url: connection.url, model: { name: 'it\'s "m"' } })
  expect(text).toContain('http://127.0.0.1:4141/v1')
  expect(text).toContain('INHOUSE_KEY')
  expect(text).toContain(language === 'curl' ? String.raw`it'\''s \"m\"` : String.raw`it's \"m\"`)
})
