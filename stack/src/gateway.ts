/**
 * A plain reverse proxy for evaluation and tests: a simple balancer over replicas, and a tap that keeps what passed. It
 * stands between parties on this machine and takes no part in the protocol; a dead replica is answered 502 and not hidden.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One exchange, as it passed. */
export interface Exchange {
  readonly method: string
  readonly path: string
  /** Header lines of the request, then of the answer. */
  readonly requestHeaders: string
  readonly requestBody: Buffer
  readonly status: number
  readonly responseHeaders: string
  readonly responseBody: Buffer
}

export interface Gateway {
  readonly url: string
  /** Where requests go, in turn; may change while it runs. */
  targets: readonly string[]
  close(): Promise<void>
}

/** Listens on this port of this machine, or a free one. `record` sees each exchange when its answer is complete. */
export async function startGateway(record?: (exchange: Exchange) => void, port = 0): Promise<Gateway> {
  let next = 0
  const server = createServer((incoming, outgoing) => {
    const target = gateway.targets[next++ % gateway.targets.length]
    if (target === undefined) outgoing.writeHead(503).end()
    else forward(target, incoming, outgoing, record)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const gateway: Gateway = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    targets: [],
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  return gateway
}

function forward(
  target: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  record: ((exchange: Exchange) => void) | undefined,
): void {
  const { method = 'GET', url: path = '/', rawHeaders } = incoming
  const sent = collect(incoming, record)
  const upstream = request(new URL(path, target), { method, headers: [...rawHeaders], setHost: false }, answer => {
    const status = answer.statusCode ?? 502
    outgoing.writeHead(status, [...answer.rawHeaders])
    const received = collect(answer, record)
    answer.pipe(outgoing)
    answer.once('error', () => outgoing.destroy())
    if (record)
      answer.once('end', () =>
        record({
          method,
          path,
          requestHeaders: rawHeaders.join('\n'),
          requestBody: Buffer.concat(sent),
          status,
          responseHeaders: answer.rawHeaders.join('\n'),
          responseBody: Buffer.concat(received),
        }),
      )
  })
  upstream.once('error', () => {
    if (outgoing.headersSent) outgoing.destroy()
    else outgoing.writeHead(502, { 'content-length': '0' }).end()
  })
  outgoing.once('close', () => upstream.destroy())
  incoming.pipe(upstream)
}

function collect(stream: IncomingMessage, record: unknown): Buffer[] {
  const chunks: Buffer[] = []
  if (record) stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  return chunks
}
