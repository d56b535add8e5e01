/**
 * A service's HTTP server: admission before routes, deadlines for slow clients, draining at the end.
 *
 * TLS ends at the balancer in front. `serviceApp` makes the app, `serve` runs it, `exitOnSignals` ends the process:
 * on SIGTERM no new connection is taken, what is under way is answered, then the rest is closed and the process exits.
 *
 * Does not protect what travels between balancer and service: keep that on one machine or in a tunnel.
 */

import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { admit, defaultLimits, type Limits } from './admission.ts'
import type { ServiceApp } from './service-app.ts'

export { defaultLimits, type Limits } from './admission.ts'
export { type ServiceApp, type ServiceDescription, type ServiceEnv, serviceApp } from './service-app.ts'

export interface ServeOptions {
  readonly app: Pick<ServiceApp, 'fetch' | 'refused'>
  /** 0 for a free one. */
  readonly port: number
  /** 127.0.0.1 when left out. */
  readonly host?: string
  readonly limits?: Partial<Limits>
  /** Time for what is under way when closing, in ms; 10 s when left out. */
  readonly drainMs?: number
  /** Runs once the last answer is out: close the store here. */
  readonly onDrain?: () => Promise<void>
}

export interface Serving {
  readonly url: string
  readonly port: number
  /** Takes nothing new, answers what is under way, then runs `onDrain`. Safe to call twice. */
  close(): Promise<void>
}

export async function serve(options: ServeOptions): Promise<Serving> {
  const host = options.host ?? '127.0.0.1'
  const limits = { ...defaultLimits, ...options.limits }
  const { app } = options
  const admission = admit(getRequestListener(app.fetch), limits, code => app.refused(code))
  const server = createServer(
    {
      headersTimeout: 10_000,
      // The last resort behind the body's own deadline.
      requestTimeout: limits.bodyMs + 20_000,
      // Longer than a balancer keeps idle connections (60 s is usual), so that the balancer closes first.
      keepAliveTimeout: 65_000,
      connectionsCheckingInterval: 2_000,
    },
    (request, response) => void admission(request, response),
  )
  // A client that doesn't read its answer.
  server.timeout = 60_000
  await new Promise<void>((listening, failed) => {
    server.once('error', failed).listen(options.port, host, listening)
  })
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new TypeError('A TCP server has a TCP address.')

  async function drain(): Promise<void> {
    const closed = new Promise(done => server.close(done))
    // A connection that was busy when closing began turns idle later.
    const sweep = setInterval(() => server.closeIdleConnections(), 50)
    const late = setTimeout(() => server.closeAllConnections(), options.drainMs ?? 10_000)
    await closed
    clearInterval(sweep)
    clearTimeout(late)
    await options.onDrain?.()
  }

  let closing: Promise<void> | undefined
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    port: address.port,
    close: () => (closing ??= drain()),
  }
}

const exitMs = 30_000

/** For a service's `main.ts`: SIGTERM and SIGINT close and exit 0; a second one, an error or 30 s exit 1. */
export function exitOnSignals(close: () => Promise<void>): void {
  let ending = false
  const end = () => {
    if (ending) process.exit(1)
    ending = true
    setTimeout(() => process.exit(1), exitMs).unref()
    close().then(
      () => process.exit(0),
      () => process.exit(1),
    )
  }
  process.on('SIGTERM', end)
  process.on('SIGINT', end)
}
