import type { InhouseCommand } from '../command.ts'
export const doctor = (command: InhouseCommand): void => { command.groups() }
