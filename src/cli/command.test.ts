import type { Command } from 'commander'
import { expect, test } from 'bun:test'

import { InhouseCommand } from './command.ts'
import { variables } from './help.ts'
import { buildProgram } from './main.ts'
import { renderCliReference } from './reference.ts'

const program = await buildProgram(() => true)
const all = (command: Command): InhouseCommand[] => [
  ...(command instanceof InhouseCommand ? [command] : []),
  ...command.commands.flatMap(all),
]
const leaves = all(program).filter(({ commands }) => commands.length === 0)

test('every command says what it does, and every option and argument has a text', () => {
  for (const command of all(program)) {
    expect(command.description()).toMatch(/\.$/)
    for (const option of command.options)
      expect(`${command.name()} ${option.flags}: ${option.description}`).toMatch(/: .+/)
    for (const word of command.registeredArguments)
      expect(`${command.name()} ${word.name()}: ${word.description}`).toMatch(/: .+/)
  }
})

test('every command that does something has two examples or more, each a line that it understands', async () => {
  for (const leaf of leaves) {
    expect(leaf.examples.length).toBeGreaterThanOrEqual(2)
    for (const { line, about } of leaf.examples) {
      expect(about).not.toBe('')
      expect(line).toContain(`inhouse ${pathOf(leaf)}`)
      for (const [flag] of line
        .slice(line.indexOf('inhouse'))
        .split(/[|>]/)[0]
        ?.matchAll(/--[a-z-]+/g) ?? [])
        expect(leaf.options.map(({ long }) => long)).toContain(flag)
    }
  }
})

test('every command takes the global options and tells its exit codes', () => {
  for (const leaf of leaves) {
    const help = leaf.helpInformation()
    for (const flag of ['--home <dir>', '--config <file>', '--json', '--quiet', '--help'])
      expect(help).toContain(flag)
    for (const [code, meaning] of leaf.exits) expect(help).toContain(`  ${code}  ${meaning}`)
  }
})

test('the help of a group shows an example of each of its commands, that of the program the variables it reads', () => {
  for (const group of all(program).filter(({ parent, commands }) => parent !== null && commands.length > 0))
    for (const { examples } of group.commands as readonly InhouseCommand[])
      expect(group.helpInformation()).toContain(`  ${examples[0]?.line}`)
  for (const [name] of variables) expect(program.helpInformation()).toContain(`  ${name} `)
})

test('the reference has every command and every option', async () => {
  const reference = await renderCliReference()
  for (const command of all(program).slice(1)) expect(reference).toContain(`# \`inhouse ${pathOf(command)}\``)
  for (const leaf of leaves) for (const { flags } of leaf.options) expect(reference).toContain(`\`${flags}\``)
})

const pathOf = (command: Command): string =>
  command.parent?.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name()
