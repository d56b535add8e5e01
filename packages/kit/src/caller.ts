/**
 * Who calls: an access token of the configured issuer for exactly this service, and proof that the caller holds it.
 *
 * RFC 9068 JWT (`typ` at+jwt), one audience, signature by the issuer's current keys; then RFC 9449 DPoP. Plain bearer
 * tokens are taken from clients named one by one, and never a token that is bound to a key. A `Caller` is made here
 * only. Verified tokens are kept by their SHA-256 for up to five minutes, so that a hot caller costs one signature.
 *
 * Does not protect: a token revoked at the issuer is good until it expires; what a caller may do is decided elsewhere.
 */

import { createHash } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { z } from 'zod'
import { ProofError, type ProofVerifier, proofAlgorithms, proofVerifier } from './dpop.ts'
import { type IssuerKeysOptions, issuerKeys } from './issuer-keys.ts'
import { commonProblem, Problem } from './problem.ts'
import { isParty } from './record-fields.ts'

export { allowInsecureHttp } from './issuer-keys.ts'

declare const verified: unique symbol

/** Authenticated: only a `CallerVerifier` makes one. */
export interface Caller {
  readonly [verified]: true
  readonly clientId: string
  readonly organisation: string
  readonly subject: string
  readonly roles: readonly string[]
  /** All of the token's claims, for access rules. */
  readonly claims: Readonly<JWTPayload>
}

export interface CallerVerifierOptions extends IssuerKeysOptions {
  /** `iss`, character by character. */
  readonly issuer: string
  /** The one `aud` a token may have: this service. */
  readonly audience: string
  /** Base URLs by which clients know this service, asked per request: a port may be known only after listening. */
  readonly publicUrls: () => readonly string[]
  /** Clients whose tokens need no proof. */
  readonly plainBearerClients: readonly string[]
  /** Between our clock and others', 0 to 300 s; 60 when left out. */
  readonly skewSeconds?: number
  /** Milliseconds since 1970; the system's clock when left out. */
  readonly now?: () => number
}

export interface CallerRequest {
  readonly method: string
  /** Absolute, or its path; a query is ignored. */
  readonly url: string
  readonly headers: { get(name: string): string | null }
}

export interface CallerVerifier {
  /** @throws Problem `unauthenticated` (401, WWW-Authenticate), `identity-away` (503), `busy` (503) */
  verify(request: CallerRequest): Promise<Caller>
}

interface VerifiedToken {
  readonly caller: Caller
  /** Seconds since 1970 */
  readonly expires: number
  readonly keptUntil: number
  readonly thumbprint: string | undefined
}

const name = z.string().regex(/^[\w.:/@-]{1,128}$/)
/** What can't be recorded can't call: every use is an event. */
const party = z.string().refine(isParty)
const claimsSchema = z.looseObject({
  client_id: party.optional(),
  azp: party.optional(),
  organisation: party,
  sub: z.string().min(1).max(256),
  roles: z.array(name).max(64).default([]),
  exp: z.number(),
  iat: z.number(),
  cnf: z.looseObject({ jkt: z.string() }).optional(),
})

const tokenAlgorithms = ['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'PS256', 'PS384', 'PS512', 'RS256']
const tokensKept = 10_000
const tokenKeptSeconds = 300
const proofsKept = 1_000_000

/** @throws RangeError for a skew out of bounds, TypeError for an insecure `jwksUrl` */
export function callerVerifier(options: CallerVerifierOptions): CallerVerifier {
  const skewSeconds = options.skewSeconds ?? 60
  if (!(skewSeconds >= 0 && skewSeconds <= 300)) throw new RangeError('Clock skew is between 0 and 300 seconds.')
  const keys = issuerKeys(options)
  const proofs = proofVerifier(proofsKept)
  const kept = new Map<string, VerifiedToken>()
  const clock = options.now ?? Date.now

  async function tokenOf(token: string, now: number): Promise<VerifiedToken> {
    const digest = createHash('sha256').update(token).digest('base64')
    const known = kept.get(digest)
    kept.delete(digest)
    const found = known !== undefined && now < known.keptUntil ? known : await verifyToken(token, keys, options, now)
    if (kept.size >= tokensKept) kept.delete(kept.keys().next().value ?? '')
    // Put back last: what goes first when there are too many is what was used longest ago.
    kept.set(digest, found)
    if (now >= found.expires + skewSeconds) throw unauthenticated('invalid_token', 'The access token has expired.')
    return found
  }

  return {
    async verify(request) {
      const now = clock() / 1000
      const { scheme, token } = readAuthorization(request.headers.get('authorization'))
      const found = await tokenOf(token, now)
      if (scheme === 'dpop') await verifyProof(proofs, request, token, found, options.publicUrls(), now, skewSeconds)
      else refuseUnlessPlain(found, options.plainBearerClients)
      return found.caller
    },
  }
}

/** For routes that need a caller: sets `caller`. */
export function authenticate(verifier: CallerVerifier): MiddlewareHandler<{ Variables: { caller: Caller } }> {
  return async (context, next) => {
    context.set('caller', await verifier.verify(context.req.raw))
    await next()
  }
}

/** RFC 6750 §2.1, RFC 9449 §7.1: in the header only, never in a URL or body. */
function readAuthorization(header: string | null): { scheme: 'dpop' | 'bearer'; token: string } {
  if (header === null) throw unauthenticated(undefined, 'This needs an access token.')
  const [, scheme, token] = /^(DPoP|Bearer) +([\w.~+/-]{1,8192}=*)$/i.exec(header) ?? []
  if (scheme === undefined || token === undefined) {
    throw unauthenticated('invalid_request', 'The Authorization header has no access token in it.')
  }
  return { scheme: scheme.toLowerCase() === 'dpop' ? 'dpop' : 'bearer', token }
}

async function verifyToken(
  token: string,
  keys: JWTVerifyGetKey,
  { issuer, audience, skewSeconds = 60 }: CallerVerifierOptions,
  now: number,
): Promise<VerifiedToken> {
  const { payload } = await jwtVerify(token, keys, {
    issuer,
    audience,
    typ: 'at+jwt',
    algorithms: tokenAlgorithms,
    clockTolerance: skewSeconds,
    currentDate: new Date(now * 1000),
  }).catch(refuseToken)
  // A token for several services could be replayed by one of them to another.
  if ([payload.aud].flat().length !== 1) throw unauthenticated('invalid_token', 'The token is for several services.')
  const claims = claimsSchema.safeParse(payload)
  const clientId = claims.data?.client_id ?? claims.data?.azp
  if (!claims.success || clientId === undefined) {
    throw unauthenticated(
      'invalid_token',
      'The token lacks client_id, organisation, sub, iat or exp, or names a party in a form that is not taken.',
    )
  }
  const { organisation, sub, roles, exp, iat, cnf } = claims.data
  if (iat > now + skewSeconds) throw unauthenticated('invalid_token', 'The token comes from the future.')
  const known: Omit<Caller, typeof verified> = { clientId, organisation, subject: sub, roles, claims: payload }
  return {
    caller: known as Caller,
    expires: exp,
    keptUntil: Math.min(exp + skewSeconds, now + tokenKeptSeconds),
    thumbprint: cnf?.jkt,
  }
}

async function verifyProof(
  proofs: ProofVerifier,
  request: CallerRequest,
  accessToken: string,
  { thumbprint }: VerifiedToken,
  publicUrls: readonly string[],
  now: number,
  skewSeconds: number,
): Promise<void> {
  // RFC 9449 §7.1: a token presented as DPoP is bound to a key.
  if (thumbprint === undefined) throw unauthenticated('invalid_token', 'The access token is bound to no key.')
  const proof = request.headers.get('dpop')
  if (proof === null) throw unauthenticated('invalid_dpop_proof', 'There is no DPoP proof.')
  const path = new URL(request.url, 'http://localhost').pathname
  const expected = { method: request.method, path, publicUrls, accessToken, thumbprint, now, skewSeconds }
  await proofs.verify(proof, expected).catch((cause: unknown) => {
    if (!(cause instanceof ProofError)) throw cause
    if (cause.code === 'memory-full') throw commonProblem('busy', { cause, headers: { 'retry-after': '10' } })
    throw unauthenticated('invalid_dpop_proof', `The DPoP proof was refused: ${cause.code}.`, cause)
  })
}

function refuseUnlessPlain({ caller, thumbprint }: VerifiedToken, plainBearerClients: readonly string[]): void {
  // RFC 9449 §7.2: a bound token without its proof is a stolen one.
  if (thumbprint !== undefined) throw unauthenticated('invalid_token', 'This access token needs its DPoP proof.')
  if (!plainBearerClients.includes(caller.clientId)) {
    throw unauthenticated('invalid_token', 'This client may not use plain bearer tokens.')
  }
}

function refuseToken(cause: unknown): never {
  if (cause instanceof Problem) throw cause
  const expired = cause instanceof errors.JWTExpired
  throw unauthenticated(
    'invalid_token',
    expired ? 'The access token has expired.' : 'The access token is not valid.',
    cause,
  )
}

/** RFC 9449 §7.1, RFC 6750 §3: without credentials no error code. */
function unauthenticated(error: string | undefined, detail: string, cause?: unknown): Problem {
  const challenge = `DPoP algs="${proofAlgorithms.join(' ')}"${error === undefined ? '' : `, error="${error}"`}`
  return commonProblem('unauthenticated', { detail, cause, headers: { 'www-authenticate': challenge } })
}
