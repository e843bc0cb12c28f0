import { z } from 'zod'

import { listenAddress } from '../core/listen-address.ts'

/** Shapes that several sections share. */
export const milliseconds = z
  .int()
  .nonnegative()
  .max(2 ** 31 - 1)
/** Where none at all makes no sense. */
export const duration = milliseconds.min(1)
export const count = z.int().positive()

/** A name of a row: what people write in other rows and clients send. */
export const rowName = z
  .string()
  .regex(/^[!-~\u00a1-\uffff]{1,200}$/, 'is not a name: 1 to 200 characters without spaces')

/** `HOST:PORT`; an IPv6 host in brackets; port 0 takes a free one. */
export const listen = z
  .string()
  .refine((text) => listenAddress(text) !== undefined, 'is not HOST:PORT, as in 127.0.0.1:4141 or [::1]:4141')

/** The two parts of a valid `listen`; the host without brackets. */
export function parseListen(text: string): { readonly host: string; readonly port: number } {
  return listenAddress(text) ?? { host: '', port: 0 }
}

export const limits = z.strictObject({
  requestsPerMinute: z
    .int()
    .nonnegative()
    .exactOptional()
    .describe('Requests in any minute; 0: none at all.'),
  tokensPerMinute: z
    .int()
    .nonnegative()
    .exactOptional()
    .describe('Tokens in any minute, input and output together; 0: no calls at all.'),
  concurrency: z.int().nonnegative().exactOptional().describe('Calls at once; 0: none at all.'),
})
