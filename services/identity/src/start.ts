/**
 * Starts the stand-in within this process: reads the key and the clients, listens, and then only knows its address,
 * which is the issuer unless another one is given.
 */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type Logger, logger } from '@littlebox/kit/telemetry'
import { openClients } from './clients.ts'
import { frontDoor } from './http.ts'
import { IdentityError } from './identity-error.ts'
import { logEvents } from './log.ts'
import { identityProvider } from './provider.ts'
import { readSigningKey } from './signing-key.ts'

export interface StartOptions {
  /** As `init` made it. */
  readonly directory: string
  /** 0 takes a free one. */
  readonly port: number
  /** Default 127.0.0.1. */
  readonly host?: string
  /** What tokens name as `iss`: https, or http to this machine itself; no path. Default: the address listened on. */
  readonly issuer?: string
  /** Default: JSON lines on standard error. */
  readonly log?: Logger
}

export interface RunningIdentity {
  readonly issuer: string
  /** The address listened on. */
  readonly url: string
  readonly port: number
  /** Takes no more connections and resolves when the last answer is out, after 5 s at most. */
  close(): Promise<void>
}

/** IdentityError: everything in its code but what enrolment has. System errors of listening pass unchanged. */
export async function start(options: StartOptions): Promise<RunningIdentity> {
  const { directory, host = '127.0.0.1', log = logger('identity', process.stderr) } = options
  const issuer = options.issuer === undefined ? undefined : checkIssuer(options.issuer)
  const [signingKey, clients] = await Promise.all([readSigningKey(directory), openClients(directory)])

  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000, keepAliveTimeout: 5_000 })
  server.maxConnections = 1_000
  const { port, url } = await listen(server, options.port, host)
  try {
    const provider = identityProvider(issuer ?? checkIssuer(url), signingKey, clients)
    logEvents(provider, log)
    const ready = () =>
      clients.check().then(
        () => true,
        () => false,
      )
    server.on('request', frontDoor({ provider, ready }))
    return { issuer: provider.issuer, url, port, close: () => drain(server) }
  } catch (error) {
    await drain(server)
    throw error
  }
}

const loopback: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]'])

function checkIssuer(issuer: string): string {
  const url = URL.parse(issuer)
  if (url === null || url.origin !== issuer) {
    throw new IdentityError('issuer-invalid', `the issuer is an origin such as https://id.example, not ${issuer}`)
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback.has(url.hostname))) {
    throw new IdentityError('issuer-invalid', `the issuer must be https, or http to this machine itself: ${issuer}`)
  }
  return issuer
}

async function listen(server: Server, port: number, host: string): Promise<{ port: number; url: string }> {
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('a TCP address was asked for')
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return { port: address.port, url: `http://${name}:${address.port}` }
}

async function drain(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  const deadline = setTimeout(() => server.closeAllConnections(), 5_000)
  await closed
  clearTimeout(deadline)
}
