/**
 * Requests to the service over HTTP: tokens, proofs, deadlines, and going on at another base URL when one is away. The
 * protocol's requests may be repeated (the same request twice gives two different answers, both right), so whatever fails
 * on the way is tried again until the deadline; one marked `once` only while it is certain that it was not carried out.
 * URLs, headers and errors hold no value and no pseudonym; bodies hold blinded points.
 */
import { dpopProof } from './dpop.ts'
import { refusal } from './exchange.ts'
import { PseudonymError, type PseudonymErrorCode } from './pseudonym-error.ts'
import { allowInsecureHttp, baseUrl, plainBearer, type TokenSource } from './token-source.ts'
import type { ServiceRequest, ServiceResponse } from './wire.ts'

export interface TransportSettings {
  /** Base URLs of the replicas, the preferred one first. */
  readonly url: string | readonly string[]
  readonly token: TokenSource
  /** The key that the tokens are bound to, unless the token source brings it. */
  readonly dpop?: CryptoKeyPair
  /** For one call with all its tries, in ms; 30,000 unless given. */
  readonly deadline?: number
  /** For one try, in ms; 10,000 unless given. */
  readonly patience?: number
  readonly fetch?: typeof globalThis.fetch
  readonly [plainBearer]?: true
  readonly [allowInsecureHttp]?: true
}

/**
 * The service's answer: success, or a refusal that trying again cannot change. PseudonymError `service-away`,
 * `over-quota` (the wait would outlast the deadline), `fate-unknown` (`once` only), `no-token`, `aborted`.
 */
export type Send = (request: ServiceRequest, signal?: AbortSignal) => Promise<ServiceResponse>

/** Answers are a few hundred bytes an item; nobody needs more than this. */
const longestAnswer = 8 * 1024 * 1024
const firstPauseMs = 50
const longestPauseMs = 5_000

/** PseudonymError `insecure` when the settings would send tokens in the open. */
export function openTransport(settings: TransportSettings): Send {
  const { token, deadline = 30_000, patience = 10_000, fetch = globalThis.fetch } = settings
  const dpop = settings.dpop ?? token.dpop
  if (!dpop && settings[plainBearer] !== true)
    throw new PseudonymError('insecure', 'tokens are bound to a DPoP key; without one, pass the symbol plainBearer')
  const given = typeof settings.url === 'string' ? [settings.url] : settings.url
  const urls = given.map(url => baseUrl(url, settings[allowInsecureHttp] === true))
  if (urls.length === 0) throw new PseudonymError('insecure', 'no base URL was given')
  const nonces = new Map<string, string>()
  let preferred = 0

  return async (request, signal) => {
    const endsAt = performance.now() + deadline
    const body = request.body === undefined ? undefined : JSON.stringify(request.body)
    let failure: PseudonymError | undefined
    const first = preferred // other calls may move it meanwhile
    for (let tries = 0; ; tries++) {
      const replica = (first + tries) % urls.length
      const left = endsAt - performance.now()
      if (left < 1) throw away(failure) // timers may be early by that much
      const outcome = await attemptAt(urls[replica]!, request, body, Math.min(left, patience), signal)
      if (!(outcome instanceof PseudonymError)) {
        preferred = replica
        return outcome
      }
      if (request.once && !isCertainlyUndone(outcome)) throw fateUnknown(outcome)
      failure = outcome
      const wait = pauseAfter(outcome, tries, urls.length)
      if (outcome.code === 'over-quota' && performance.now() + wait >= endsAt) throw outcome
      await pause(Math.min(wait, endsAt - performance.now()), signal)
    }
  }

  /** An answer that stands, or the failure after which another try may succeed. */
  async function attemptAt(
    base: string,
    request: ServiceRequest,
    body: string | undefined,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<ServiceResponse | PseudonymError> {
    for (let isRepeated = false; ; isRepeated = true) {
      const url = base + request.path
      const headers = await authorise(request.method, url, base)
      if (body !== undefined) headers['content-type'] = 'application/json'
      const timeout = AbortSignal.timeout(Math.ceil(timeoutMs))
      try {
        const response = await fetch(url, {
          method: request.method,
          headers,
          ...(body === undefined ? {} : { body }),
          redirect: 'error',
          credentials: 'omit',
          cache: 'no-store',
          referrerPolicy: 'no-referrer',
          signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
        })
        const answer = await readAnswer(response)
        const nonce = response.headers.get('dpop-nonce')
        const asksForNonce = response.status === 401 && nonce !== null && nonce !== nonces.get(base)
        if (nonce !== null) nonces.set(base, nonce)
        // RFC 9449 §9: the server wants its nonce in the proof.
        if (dpop && asksForNonce && !isRepeated) continue
        return mayPass(answer.status) ? refusal(answer) : answer
      } catch (cause) {
        if (cause instanceof PseudonymError) throw cause
        if (signal?.aborted) throw aborted(signal)
        return new PseudonymError('service-away', 'a base URL gave no answer', { cause })
      }
    }
  }

  async function authorise(method: string, url: string, base: string): Promise<Record<string, string>> {
    const accessToken = await token().catch((cause: unknown) => {
      if (cause instanceof PseudonymError) throw cause
      throw new PseudonymError('no-token', 'the token source failed', { cause })
    })
    if (!dpop) return { authorization: `Bearer ${accessToken}` }
    const nonce = nonces.get(base)
    const claims = { method, url, token: accessToken }
    const proof = await dpopProof(dpop, nonce === undefined ? claims : { ...claims, nonce })
    return { authorization: `DPoP ${accessToken}`, dpop: proof }
  }
}

export function aborted(signal: AbortSignal): PseudonymError {
  return new PseudonymError('aborted', 'the caller gave up', { cause: signal.reason })
}

/** RFC 9110: what may be different the next time or at another replica. */
function mayPass(status: number): boolean {
  return status === 429 || (status >= 500 && status !== 501)
}

/** Refused over the quota, or no connection was ever made. Browsers don't tell the latter. */
function isCertainlyUndone({ code, cause }: PseudonymError): boolean {
  if (code === 'over-quota') return true
  const reason = cause instanceof Error ? cause.cause : undefined
  return reason instanceof Error && 'code' in reason && unconnected.has(reason.code)
}

const unconnected: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
])

/**
 * How long to wait, in ms. The next replica is asked at once, except over quota, which is counted across them; when all
 * were asked, the pause doubles from round to round, with full jitter, and is never shorter than Retry-After.
 */
function pauseAfter(failure: PseudonymError, tries: number, replicas: number): number {
  const retryAfterMs = (failure.problem?.retryAfterSeconds ?? 0) * 1000
  if (failure.code === 'over-quota')
    return retryAfterMs === 0 ? Number.POSITIVE_INFINITY : retryAfterMs * (1 + Math.random() / 10)
  if ((tries + 1) % replicas !== 0) return 0
  const round = Math.floor(tries / replicas)
  return retryAfterMs + Math.random() * Math.min(longestPauseMs, firstPauseMs * 2 ** round)
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (ms <= 0) return
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done, { once: true })
    function done(): void {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      if (signal?.aborted) reject(aborted(signal))
      else resolve()
    }
    if (signal?.aborted) done()
  })
}

async function readAnswer(response: Response): Promise<ServiceResponse> {
  const text = await boundedText(response)
  const retryAfter = readRetryAfter(response.headers.get('retry-after'))
  const answer = { status: response.status, body: parseJson(text) }
  return retryAfter === undefined ? answer : { ...answer, retryAfterSeconds: retryAfter }
}

async function boundedText(response: Response): Promise<string> {
  const declared = Number(response.headers.get('content-length') ?? Number.NaN)
  if (declared <= longestAnswer) return response.text()
  const decoder = new TextDecoder()
  let [length, text] = [0, '']
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > longestAnswer) throw new PseudonymError('unexpected-answer', 'the answer is too long')
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/** Whatever is no JSON is no answer of the service: the status alone counts. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** RFC 9110 §10.2.3: seconds, or a date. */
function readRetryAfter(header: string | null): number | undefined {
  if (header === null) return undefined
  const seconds = /^\d{1,9}$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : undefined
}

function away(failure: PseudonymError | undefined): PseudonymError {
  return because('service-away', 'no base URL gave an answer before the deadline', failure)
}

function fateUnknown(failure: PseudonymError): PseudonymError {
  return because('fate-unknown', 'no answer tells whether the request was carried out', failure)
}

function because(code: PseudonymErrorCode, message: string, failure: PseudonymError | undefined): PseudonymError {
  const problem = failure?.problem ? { problem: failure.problem } : {}
  return new PseudonymError(code, message, { cause: failure, ...problem })
}
