/**
 * Proof of possession for one request: RFC 9449 §4.3, the numbered checks at the lines that make them.
 *
 * A client signs each request's method, URL and access token with a key whose thumbprint its token names: a token that
 * leaks into a log or to another service is of no use without the key. The proof names nothing of the body.
 *
 * Does not protect the body, nor against who can use the client's key.
 */

import { createHash } from 'node:crypto'
import { type CryptoKey, calculateJwkThumbprint, compactVerify, decodeProtectedHeader, importJWK } from 'jose'
import { z } from 'zod'
import { replayMemory } from './replay-memory.ts'

/** Asymmetric only (RFC 9449 §4.3 check 5). */
export const proofAlgorithms: readonly string[] = ['ES256', 'ES384', 'EdDSA', 'Ed25519']

interface ProofExpectations {
  readonly method: string
  /** The request's path, without query. */
  readonly path: string
  /** Base URLs by which clients know the service: behind a balancer they differ from what the server sees. */
  readonly publicUrls: readonly string[]
  readonly accessToken: string
  /** `cnf.jkt` of the access token. */
  readonly thumbprint: string
  /** Seconds since 1970. */
  readonly now: number
  readonly skewSeconds: number
}

/** Why a proof is refused; `memory-full` is our fault and not the proof's. */
export type ProofFault =
  | 'malformed'
  | 'signature'
  | 'method'
  | 'url'
  | 'time'
  | 'access-token'
  | 'key'
  | 'replayed'
  | 'memory-full'

export class ProofError extends Error {
  override readonly name = 'ProofError'
  readonly code: ProofFault

  constructor(code: ProofFault, options?: ErrorOptions) {
    super(`The DPoP proof was refused: ${code}`, options)
    this.code = code
  }
}

export interface ProofVerifier {
  /** @throws ProofError */
  verify(proof: string, expected: ProofExpectations): Promise<void>
}

interface ProofKey {
  readonly key: CryptoKey | Uint8Array
  readonly thumbprint: string
}

const coordinate = z.string().regex(/^[\w-]{1,128}$/)
const publicJwk = z.discriminatedUnion('kty', [
  z.looseObject({ kty: z.literal('EC'), crv: z.string(), x: coordinate, y: coordinate }),
  z.looseObject({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: coordinate }),
])
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']
const proofHeader = z.looseObject({
  typ: z.literal('dpop+jwt'),
  alg: z.string().refine(alg => proofAlgorithms.includes(alg)),
  jwk: publicJwk.refine(jwk => privateMembers.every(member => !(member in jwk))),
})
const proofClaims = z.looseObject({
  jti: z.string().min(1).max(256),
  htm: z.string(),
  htu: z.url().max(2048),
  iat: z.number(),
  ath: z.string(),
})

const keysKept = 4096

export function proofVerifier(bound: number): ProofVerifier {
  const memory = replayMemory(bound)
  // A client's proofs all have the same header: its key is checked and imported once.
  const keys = new Map<string, ProofKey>()

  async function keyOf(proof: string): Promise<ProofKey> {
    const header = proof.slice(0, proof.indexOf('.'))
    const known = keys.get(header)
    if (known !== undefined) return known
    // Checks 4, 5, 7: type, algorithm, a public key.
    const { alg, jwk } = proofHeader.parse(decodeProtectedHeader(proof))
    const found = { key: await importJWK(jwk, alg), thumbprint: await calculateJwkThumbprint(jwk) }
    if (keys.size >= keysKept) keys.delete(keys.keys().next().value ?? '')
    keys.set(header, found)
    return found
  }

  return {
    async verify(proof, expected) {
      if (proof.length > 4096) throw new ProofError('malformed')
      const { key, thumbprint } = await keyOf(proof).catch(refuse('malformed'))
      // Check 12b first, as it costs nothing: the key is the one that the token is bound to.
      if (thumbprint !== expected.thumbprint) throw new ProofError('key')
      // Check 6.
      const algorithms = [...proofAlgorithms]
      const { payload } = await compactVerify(proof, key, { algorithms }).catch(refuse('signature'))
      const claims = readClaims(payload)
      // Checks 8, 9.
      if (claims.htm !== expected.method) throw new ProofError('method')
      if (!isOurs(claims.htu, expected)) throw new ProofError('url')
      // Check 11: made within the skew, before or after.
      if (Math.abs(expected.now - claims.iat) > expected.skewSeconds) throw new ProofError('time')
      // Check 12a.
      const ath = createHash('sha256').update(expected.accessToken).digest('base64url')
      if (claims.ath !== ath) throw new ProofError('access-token')
      // §11.1, last: only what would be accepted takes a place in memory.
      const expires = claims.iat + expected.skewSeconds
      const fate = memory.remember(`${thumbprint} ${claims.jti}`, expires, expected.now)
      if (fate === 'seen') throw new ProofError('replayed')
      if (fate === 'full') throw new ProofError('memory-full')
    },
  }
}

/** Check 3. */
function readClaims(payload: Uint8Array): z.infer<typeof proofClaims> {
  try {
    return proofClaims.parse(JSON.parse(new TextDecoder().decode(payload)))
  } catch (cause) {
    throw new ProofError('malformed', { cause })
  }
}

/** Check 9: query and fragment are ignored; a base may have a path of its own, which the balancer takes away. */
function isOurs(htu: string, { path, publicUrls }: ProofExpectations): boolean {
  const claimed = new URL(htu)
  return publicUrls.some(base => {
    const ours = new URL(base.replace(/\/+$/, '') + path)
    return ours.origin === claimed.origin && ours.pathname === claimed.pathname
  })
}

function refuse(code: ProofFault): (cause: unknown) => never {
  return cause => {
    throw new ProofError(code, { cause })
  }
}
