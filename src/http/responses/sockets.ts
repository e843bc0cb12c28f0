import { asFailure } from '../../core/failure.ts'
import { openAiError } from '../../serve/surfaces/openai-error.ts'
import { openAiResponses } from '../../serve/surfaces/openai-responses.ts'
import { identified } from '../identify.ts'
import { pathOf } from '../path.ts'
import { refuse, type ServerParts } from '../server.ts'
import type { Sockets } from '../socket.ts'
import type { KeepingParts } from './kept-call.ts'
import { ResponsesSession } from './session.ts'

/** WebSocket mode of `/v1/responses`. */
export const responsesSockets = (parts: ServerParts, keeping: KeepingParts, now: () => number): Sockets => ({
  maxBytes: parts.limits().maxBodyBytes,
  accept: ({ method, url, headers }) => {
    const wants = method === 'GET' && headers.get('upgrade')?.toLowerCase() === 'websocket'
    if (!wants || !openAiResponses.paths.includes(pathOf(url))) return undefined
    const { gateway, keyName } = parts
    const newId = (): string => parts.newId()
    const identify = () => identified(gateway.setup.guard, headers, keyName)
    return Promise.try(identify).then(
      () => new ResponsesSession({ ...keeping, gateway, headers, identify, newId, now }),
      (thrown: unknown) => refuse(asFailure(thrown), parts, openAiError),
    )
  },
})
