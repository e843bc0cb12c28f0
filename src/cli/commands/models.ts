import type { InhouseCommand } from '../command.ts'
export const models = (command: InhouseCommand): void => { command.groups() }
