import type { InhouseCommand } from '../command.ts'
export const usage = (command: InhouseCommand): void => { command.groups() }
