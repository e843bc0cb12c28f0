import type { InhouseCommand } from '../command.ts'
export const config = (command: InhouseCommand): void => { command.groups() }
