import type { InhouseCommand } from '../command.ts'
export const completion = (command: InhouseCommand): void => { command.groups() }
