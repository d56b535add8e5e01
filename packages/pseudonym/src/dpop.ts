/**
 * DPoP proofs (RFC 9449): whoever steals the access token cannot use it without this key. One proof a request; keys are
 * not extractable unless the caller made them so.
 */

import { sha256 } from '@noble/hashes/sha2.js'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { toBase64Url, toUtf8 } from '#base64'

/** A fresh ES256 key pair whose private half cannot leave. */
export async function generateDpopKeys(): Promise<CryptoKeyPair> {
  return generateKeyPair('ES256', { extractable: false })
}

export interface DpopClaims {
  readonly method: string
  readonly url: string
  /** The access token that the proof goes with; none at the token endpoint. */
  readonly token?: string
  /** What the server has asked for, RFC 9449 §8. */
  readonly nonce?: string
}

export async function dpopProof(keys: CryptoKeyPair, { method, url, token, nonce }: DpopClaims): Promise<string> {
  const { origin, pathname } = new URL(url)
  const claims = {
    htm: method,
    htu: origin + pathname,
    ...(token === undefined ? {} : { ath: toBase64Url(sha256(toUtf8(token))) }),
    ...(nonce === undefined ? {} : { nonce }),
  }
  return new SignJWT(claims)
    .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk: await publicJwk(keys.publicKey) })
    .setJti(crypto.randomUUID())
    .setIssuedAt()
    .sign(keys.privateKey)
}

const publicJwks = new WeakMap<CryptoKey, Promise<JWK>>()

function publicJwk(key: CryptoKey): Promise<JWK> {
  const known = publicJwks.get(key)
  if (known) return known
  const jwk = exportJWK(key).then(({ kty, crv, x, y }) => ({ kty, crv, x, y }) as JWK)
  publicJwks.set(key, jwk)
  return jwk
}
