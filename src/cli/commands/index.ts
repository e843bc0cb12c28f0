import type { InhouseCommand } from '../command.ts'

/** One command; its file is read when it is asked for. */
export interface CommandEntry {
  readonly name: string
  readonly summary: string
  /** Gives the function that completes the empty command of that name. */
  readonly load: () => Promise<(command: InhouseCommand) => void>
}

/** All commands, in the order of the help. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'serve',
    summary: 'serve the models on one endpoint',
    load: () => import('./serve.ts').then(({ serve }) => serve),
  },
  {
    name: 'init',
    summary: 'write a first config from what is here, or another program’s',
    load: () => import('./init.ts').then(({ init }) => init),
  },
  {
    name: 'chat',
    summary: 'ask a model, once or in a conversation',
    load: () => import('./chat.ts').then(({ chat }) => chat),
  },
  {
    name: 'connect',
    summary: 'point editors, agents and programs at inhouse',
    load: () => import('./connect.ts').then(({ connect }) => connect),
  },
  {
    name: 'launch',
    summary: 'start an agent that asks inhouse, with no file changed',
    load: () => import('./launch.ts').then(({ launch }) => launch),
  },
  {
    name: 'bench',
    summary: 'measure how fast a model answers at 1 … N streams',
    load: () => import('./bench.ts').then(({ bench }) => bench),
  },
  {
    name: 'keys',
    summary: 'make, list and revoke keys',
    load: () => import('./keys.ts').then(({ keys }) => keys),
  },
  {
    name: 'models',
    summary: 'list, bring and remove models',
    load: () => import('./models.ts').then(({ models }) => models),
  },
  {
    name: 'engines',
    summary: 'list and install the engines that run models here',
    load: () => import('./engines.ts').then(({ engines }) => engines),
  },
  {
    name: 'backends',
    summary: 'find out what runs models elsewhere, and add it',
    load: () => import('./backends.ts').then(({ backends }) => backends),
  },
  {
    name: 'explain',
    summary: 'show who answered a request, and why',
    load: () => import('./explain.ts').then(({ explain }) => explain),
  },
  {
    name: 'usage',
    summary: 'add up requests and tokens by model, key, day …',
    load: () => import('./usage.ts').then(({ usage }) => usage),
  },
  {
    name: 'config',
    summary: 'check and show the configuration',
    load: () => import('./config.ts').then(({ config }) => config),
  },
  {
    name: 'store',
    summary: 'back up, restore and migrate the store',
    load: () => import('./store.ts').then(({ store }) => store),
  },
  {
    name: 'doctor',
    summary: 'find what is wrong before it hurts',
    load: () => import('./doctor.ts').then(({ doctor }) => doctor),
  },
  {
    name: 'completion',
    summary: 'print the completion script of a shell',
    load: () => import('./completion.ts').then(({ completion }) => completion),
  },
]
