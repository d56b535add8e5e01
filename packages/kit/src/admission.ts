/**
 * What stands before a service's routes: who may come in, how large, how slow, how many at once.
 *
 * A body is read whole before the request takes one of the working places, so that a slow client costs a place to read
 * and its bytes, never a place to work; reading has its own deadline and its own bound, and so have the bytes that all
 * requests together hold. Over a bound the answer is 503 at once, not a queue. Health stays reachable. Place and bytes
 * come back when the work is over and the response closed: a client that hangs up ends only the second.
 *
 * Does not protect against more connections than the machine can accept: that is the balancer's.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { commonProblem, Problem, problemBody } from './problem.ts'

export interface Limits {
  /** Largest body, in bytes. */
  readonly bodyBytes: number
  /** Time for a body to arrive, in ms. */
  readonly bodyMs: number
  /** Requests worked on at once. */
  readonly working: number
  /** Requests whose bodies are arriving at once. */
  readonly reading: number
  /** Bytes of all bodies held at once. */
  readonly heldBytes: number
}

export const defaultLimits: Limits = {
  bodyBytes: 2 * 1024 * 1024,
  bodyMs: 10_000,
  working: 256,
  reading: 256,
  heldBytes: 64 * 1024 * 1024,
}

/** A body as the adapter of Hono takes it: read already. */
type AdmittedRequest = IncomingMessage & { rawBody?: Buffer }

/** Settles once the work for a request is over, whether or not the client is still there. */
type Listener = (request: AdmittedRequest, response: ServerResponse) => Promise<void>

/** How long a refused client may go on sending, so that it gets to read why. */
const lingerMs = 5_000

const securityHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

/** What one request has of the places and bytes of all. */
interface Taken {
  places: number
  bytes: number
}

const alwaysAdmitted = new Set(['/livez', '/readyz', '/metrics'])

/** `refused` gets the code of each refusal that a client gets to read. */
export function admit(listener: Listener, limits: Limits, refused: (code: string) => void): Listener {
  let working = 0
  let reading = 0
  let held = 0

  async function admitted(request: AdmittedRequest, response: ServerResponse, taken: Taken): Promise<void> {
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value)
    if (alwaysAdmitted.has(request.url ?? '') && !hasBody(request)) return listener(request, response)
    if (hasBody(request)) {
      refuseAnnounced(request, limits)
      if (reading >= limits.reading) throw busy()
      reading++
      const hold = (bytes: number) => {
        taken.bytes += bytes
        held += bytes
        return held <= limits.heldBytes
      }
      request.rawBody = await readBody(request, limits, hold).finally(() => {
        reading--
      })
    }
    if (response.destroyed) return
    if (working >= limits.working) throw busy()
    working++
    taken.places++
    await listener(request, response)
  }

  return async (request, response) => {
    const taken: Taken = { places: 0, bytes: 0 }
    const closed = new Promise(done => response.once('close', done))
    try {
      await admitted(request, response, taken)
    } catch (error) {
      const refusal = error instanceof Problem ? error : commonProblem('internal')
      if (refuse(request, response, refusal)) refused(refusal.code)
    }
    await closed
    working -= taken.places
    held -= taken.bytes
  }
}

function hasBody(request: IncomingMessage): boolean {
  // RFC 9112 §6: these two headers announce a body, whatever the method.
  return request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
}

/** What the headers alone tell: refused before a byte of it is read. */
function refuseAnnounced(request: IncomingMessage, limits: Limits): void {
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/json') throw commonProblem('unsupported-media-type')
  if (request.headers['content-encoding'] !== undefined) throw commonProblem('unsupported-media-type')
  if (Number(request.headers['content-length'] ?? 0) > limits.bodyBytes) throw tooLarge(limits)
}

function readBody(request: IncomingMessage, limits: Limits, hold: (bytes: number) => boolean): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const end = (settle: () => void) => {
      clearTimeout(timer)
      request.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone)
      settle()
    }
    const onData = (chunk: Buffer) => {
      size += chunk.length
      // A chunked body announces no length: it is counted as it comes.
      if (size > limits.bodyBytes) end(() => reject(tooLarge(limits)))
      else if (!hold(chunk.length)) end(() => reject(busy()))
      else chunks.push(chunk)
    }
    const onEnd = () => end(() => resolve(Buffer.concat(chunks, size)))
    const onGone = () => end(() => reject(commonProblem('timeout')))
    const timer = setTimeout(onGone, limits.bodyMs)
    request.on('data', onData).once('end', onEnd).once('error', onGone).once('close', onGone)
  })
}

function busy(): Problem {
  return commonProblem('busy', { detail: 'The service is busy. Try again.', headers: { 'retry-after': '1' } })
}

function tooLarge(limits: Limits): Problem {
  return commonProblem('too-large', { detail: `A body may have at most ${limits.bodyBytes} bytes.` })
}

/**
 * Answers, then lets the client finish sending for a while: a connection cut with unread bytes in it (which is what
 * Node does after `connection: close`) is reset, and the answer may be lost. False when nobody is left to answer.
 */
function refuse(request: IncomingMessage, response: ServerResponse, refusal: Problem): boolean {
  if (response.destroyed || response.headersSent) return false
  const headers = { 'content-type': 'application/problem+json', ...refusal.headers }
  response.writeHead(refusal.status, headers).end(JSON.stringify(problemBody(refusal)))
  if (!request.complete) {
    request.on('error', () => undefined).resume()
    const cut = setTimeout(() => request.destroy(), lingerMs)
    request.once('close', () => clearTimeout(cut))
  }
  return true
}
