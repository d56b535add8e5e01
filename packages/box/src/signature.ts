/**
 * Signatures as JOSE writes them: ECDSA as raw r ‖ s (RFC 7518 §3.4), EdDSA on Ed25519 (RFC 8037 §3.1). A key serves one
 * algorithm. Node's own OpenSSL does the work.
 */
import { type KeyObject, sign, verify } from 'node:crypto'
import { BoxError } from './box-error.ts'

export type SignatureAlgorithm = 'ES256' | 'ES384' | 'ES512' | 'EdDSA'

/** The curve of each algorithm as node:crypto names it, and its hash; Ed25519 hashes by itself. */
export const signatureAlgorithms: Readonly<
  Record<SignatureAlgorithm, { readonly curve?: string; readonly hash: string | null }>
> = {
  ES256: { curve: 'prime256v1', hash: 'sha256' },
  ES384: { curve: 'secp384r1', hash: 'sha384' },
  ES512: { curve: 'secp521r1', hash: 'sha512' },
  EdDSA: { hash: null },
}

export function signMessage(key: KeyObject, algorithm: SignatureAlgorithm, message: Uint8Array): Uint8Array {
  return Uint8Array.from(sign(signatureAlgorithms[algorithm].hash, message, { key, dsaEncoding: 'ieee-p1363' }))
}

export function verifyMessage(
  key: KeyObject,
  algorithm: SignatureAlgorithm,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  return verify(signatureAlgorithms[algorithm].hash, message, { key, dsaEncoding: 'ieee-p1363' }, signature)
}

/** BoxError `bad-input` when the key was made for another algorithm. */
export function requireAlgorithm(made: SignatureAlgorithm, asked: SignatureAlgorithm): void {
  if (made !== asked) throw new BoxError('bad-input', `this key signs ${made} only`)
}
