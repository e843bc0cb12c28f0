import type { InhouseCommand } from '../command.ts'
export const explain = (command: InhouseCommand): void => { command.groups() }
