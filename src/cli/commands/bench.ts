import type { InhouseCommand } from '../command.ts'
export const bench = (command: InhouseCommand): void => { command.groups() }
