import type { InhouseCommand } from '../command.ts'
export const engines = (command: InhouseCommand): void => { command.groups() }
