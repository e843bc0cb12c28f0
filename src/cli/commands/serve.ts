import type { InhouseCommand } from '../command.ts'
export const serve = (command: InhouseCommand): void => { command.groups() }
