/**
 * Access tokens for a system: OAuth 2 client credentials with private_key_jwt (RFC 7523) and DPoP (RFC 9449), for one
 * resource (RFC 8707). One request at a time, however many callers wait; a token is used until shortly before it expires.
 */
import { importJWK, type JWK, SignJWT } from 'jose'
import { dpopProof } from './dpop.ts'
import { PseudonymError } from './pseudonym-error.ts'
import { allowInsecureHttp, baseUrl, type TokenSource } from './token-source.ts'

export interface ClientCredentials {
  /** Its token endpoint is looked up (RFC 8414, OpenID Connect Discovery). */
  readonly issuer: string
  readonly clientId: string
  /** With `alg`, and `kid` where the client has several. */
  readonly privateKey: JWK
  /** What the tokens are for: the service's own identifier. */
  readonly resource: string
  readonly scope?: string
  /** The key to bind the tokens to. Without it they are plain bearer tokens. */
  readonly dpop?: CryptoKeyPair
  readonly fetch?: typeof globalThis.fetch
  readonly [allowInsecureHttp]?: true
}

/** How long before its end a token is no longer used, in seconds. */
const margin = 30
const deadlineMs = 10_000

export function clientCredentials(client: ClientCredentials): TokenSource {
  const insecure = client[allowInsecureHttp] === true
  const issuer = baseUrl(client.issuer, insecure)
  const fetch = client.fetch ?? globalThis.fetch
  let endpoint: Promise<string> | undefined
  let token: { readonly value: string; readonly goodUntilMs: number } | undefined
  let underWay: Promise<string> | undefined
  let nonce: string | undefined

  const source = async (): Promise<string> => {
    if (token && Date.now() < token.goodUntilMs) return token.value
    underWay ??= obtain().finally(() => {
      underWay = undefined
    })
    return underWay
  }
  return client.dpop ? Object.assign(source, { dpop: client.dpop }) : source

  async function obtain(): Promise<string> {
    endpoint ??= discover().catch(error => {
      endpoint = undefined
      throw error
    })
    const url = await endpoint
    const startedMs = Date.now()
    let { status, body } = await post(url)
    // RFC 9449 §8: the server wants its nonce in the proof; it came with this answer.
    if (status === 400 && body.error === 'use_dpop_nonce') ({ status, body } = await post(url))
    const expected = client.dpop ? 'dpop' : 'bearer'
    if (status !== 200 || typeof body.access_token !== 'string') throw noToken(`the issuer answered ${status}`)
    if (String(body.token_type).toLowerCase() !== expected) throw noToken(`the token is not of type ${expected}`)
    const lifetime = typeof body.expires_in === 'number' ? body.expires_in : 0
    token = { value: body.access_token, goodUntilMs: startedMs + (lifetime - margin) * 1000 }
    return token.value
  }

  async function discover(): Promise<string> {
    const { status, body } = await call(`${issuer}/.well-known/openid-configuration`, { method: 'GET' })
    // OpenID Connect Discovery §4.3: the document must name the issuer it was asked for.
    if (status !== 200 || typeof body.token_endpoint !== 'string' || String(body.issuer).replace(/\/+$/, '') !== issuer)
      throw noToken('the issuer has no fitting discovery document')
    return baseUrl(body.token_endpoint, insecure)
  }

  async function post(url: string): Promise<Answer> {
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: client.clientId,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await assertion(),
      resource: client.resource,
    })
    if (client.scope !== undefined) form.set('scope', client.scope)
    const headers: Record<string, string> = { 'content-type': 'application/x-www-form-urlencoded' }
    if (client.dpop)
      headers.dpop = await dpopProof(client.dpop, { method: 'POST', url, ...(nonce === undefined ? {} : { nonce }) })
    return call(url, { method: 'POST', headers, body: form.toString() })
  }

  /** RFC 7523 §3. */
  async function assertion(): Promise<string> {
    const { alg = 'ES256', kid } = client.privateKey
    return new SignJWT()
      .setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }) })
      .setIssuer(client.clientId)
      .setSubject(client.clientId)
      .setAudience(issuer)
      .setJti(crypto.randomUUID())
      .setIssuedAt()
      .setExpirationTime('60s')
      .sign(await importJWK(client.privateKey, alg))
  }

  async function call(url: string, request: RequestInit): Promise<Answer> {
    try {
      const response = await fetch(url, {
        ...request,
        redirect: 'error',
        credentials: 'omit',
        signal: AbortSignal.timeout(deadlineMs),
      })
      nonce = response.headers.get('dpop-nonce') ?? nonce
      const body: unknown = await response.json()
      if (typeof body !== 'object' || body === null) throw noToken('the issuer answered no JSON object')
      return { status: response.status, body: body as Record<string, unknown> }
    } catch (cause) {
      if (cause instanceof PseudonymError) throw cause
      throw new PseudonymError('no-token', 'the issuer gave no answer', { cause })
    }
  }
}

interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

function noToken(why: string): PseudonymError {
  return new PseudonymError('no-token', `no access token: ${why}`)
}
