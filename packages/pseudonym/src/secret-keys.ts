/**
 * Transit keys on their way to the owner (pseudonyms.md §5): a JWK inside a JWE of JSON General form, one RSA-OAEP-256
 * recipient for each key of the owner's JWKS. The service seals, the owner opens; nobody between them learns the key. RSA
 * falls to a quantum computer, and recorded documents with it (§9).
 */

import { type CryptoKey, type FlattenedJWE, flattenedDecrypt, GeneralEncrypt, importJWK, type JWK } from 'jose'
import { fromBase64, toBase64Url, toUtf8 } from '#base64'
import { parseJsonObject } from './compact-jwe.ts'
import type { Domain, GeneralJwe, SealedSecretKey } from './domain.ts'
import { PseudonymError } from './pseudonym-error.ts'
import type { TransitKey } from './transit.ts'

/** An RSA key of the owner's JWKS, with its private half. */
export interface OwnerKey {
  readonly kid: string
  readonly key: CryptoKey | JWK
}

/** A key that a transit key is sealed to: public, and where it was published. */
export interface SecretKeyRecipient {
  readonly kid: string
  readonly jku: string
  readonly key: CryptoKey | JWK
}

/** The domain's transit keys, opened. */
export interface TransitKeys {
  /** By `kid`, the active one and those whose tokens may still be under way. */
  readonly secrets: ReadonlyMap<string, Uint8Array>
  readonly active: TransitKey
}

/**
 * Opens what is sealed to one of these private keys; entries for other keys are left out. PseudonymError
 * `no-transit-key` when the active one is not among those opened.
 */
export async function openSecretKeys(domain: Domain, privateKeys: readonly OwnerKey[]): Promise<TransitKeys> {
  const opened = await Promise.all(domain.secretKeys.map(sealed => openSecretKey(sealed, privateKeys)))
  const secrets = new Map<string, Uint8Array>()
  let active: TransitKey | undefined
  domain.secretKeys.forEach(({ kid, active: isActive }, i) => {
    const secret = opened[i]
    if (!secret) return
    secrets.set(kid, secret)
    if (isActive) active = { kid, secret }
  })
  if (!active) throw new PseudonymError('no-transit-key', 'none of the private keys opens the active transit key')
  return { secrets, active }
}

/** Seals a transit key for a domain document, to every recipient given. */
export async function sealSecretKey(
  { kid, secret }: TransitKey,
  active: boolean,
  recipients: readonly SecretKeyRecipient[],
): Promise<SealedSecretKey> {
  const jwk = { kty: 'oct', k: toBase64Url(secret), alg: 'A256GCM' }
  const jwe = new GeneralEncrypt(toUtf8(JSON.stringify(jwk))).setProtectedHeader({ enc: 'A256GCM' })
  for (const { kid, jku, key } of recipients)
    jwe.addRecipient(await rsaKey(key)).setUnprotectedHeader({ alg: 'RSA-OAEP-256', jku, kid })
  return { kid, active, encoded: (await jwe.encrypt()) as GeneralJwe }
}

async function openSecretKey(
  sealed: SealedSecretKey,
  privateKeys: readonly OwnerKey[],
): Promise<Uint8Array | undefined> {
  const { recipients, protected: protectedHeader, iv, ciphertext, tag } = sealed.encoded
  for (const { header, encrypted_key } of recipients) {
    const owner = privateKeys.find(({ kid }) => kid === header.kid)
    if (!owner) continue
    // An empty `aad` of the document is gone by now: eHealth writes it and computes without it.
    const jwe: FlattenedJWE = { protected: protectedHeader, iv, ciphertext, tag, header, encrypted_key }
    const opened = await openAs(jwe, owner)
    if (opened) return opened
  }
  return undefined
}

/** undefined when the key is another one under the same `kid`: two owners may number their keys alike. */
async function openAs(jwe: FlattenedJWE, owner: OwnerKey): Promise<Uint8Array | undefined> {
  const key = await rsaKey(owner.key)
  const options = { keyManagementAlgorithms: ['RSA-OAEP-256'], contentEncryptionAlgorithms: ['A256GCM'] }
  const decrypted = await flattenedDecrypt(jwe, key, options).catch(() => undefined)
  const jwk = parseJsonObject(decrypted?.plaintext)
  const secret = jwk?.kty === 'oct' && typeof jwk.k === 'string' ? fromBase64(jwk.k) : undefined
  return secret?.length === 32 ? secret.slice() : undefined
}

async function rsaKey(key: CryptoKey | JWK): Promise<CryptoKey> {
  return isJwk(key) ? ((await importJWK(key, 'RSA-OAEP-256')) as CryptoKey) : key
}

function isJwk(key: CryptoKey | JWK): key is JWK {
  return 'kty' in key
}
