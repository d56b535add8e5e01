/** A domain owner's keys, made by `littlebox owner init`, and its JWKS at an address of this machine. */

import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { littlebox } from './command.ts'

export interface Owner {
  readonly directory: string
  /** Where its public keys are. */
  readonly jku: string
  close(): Promise<void>
}

/** The keys in `directory`, made when there are none. */
export async function publishOwner(directory: string): Promise<Owner> {
  const jwks = join(directory, 'jwks.json')
  if (!existsSync(jwks)) {
    const { code, errors } = await littlebox(['owner', 'init', directory])
    if (code !== 0) throw new Error(`littlebox owner init: ${errors}`)
  }
  const published = await readFile(jwks)
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/jwk-set+json' }).end(published)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    directory,
    jku: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
