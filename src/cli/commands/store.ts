import type { InhouseCommand } from '../command.ts'
export const store = (command: InhouseCommand): void => { command.groups() }
