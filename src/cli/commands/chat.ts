import type { InhouseCommand } from '../command.ts'
export const chat = (command: InhouseCommand): void => { command.groups() }
