/**
 * Data keys in envelopes that only an `unwrap` key opens: ECDH-ES+A256KW on P-256 (RFC 7518 §4.6, RFC 3394) and
 * RSA-OAEP-256 (§4.3), so that a JWE made elsewhere opens here too. Whoever knows the public part can make an envelope:
 * opening one does not say who made it.
 */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
} from 'node:crypto'
import { CurveError, compress, type Point, parsePoint, xOf, yOf } from '@littlebox/curve'
import { BoxError } from './box-error.ts'
import { uint32 } from './octets.ts'

export type Envelope =
  | {
      readonly algorithm: 'ECDH-ES+A256KW'
      /** The sender's ephemeral public key, on P-256. */
      readonly epk: Point
      readonly encryptedKey: Uint8Array
      /** PartyUInfo and PartyVInfo, RFC 7518 §4.6.2; empty when absent. Who opens must give the same. */
      readonly apu?: Uint8Array
      readonly apv?: Uint8Array
    }
  | { readonly algorithm: 'RSA-OAEP-256'; readonly encryptedKey: Uint8Array }

/** What a KeyDescription says of whom an envelope is for. */
export interface Recipient {
  readonly purpose: string
  readonly algorithm: string
  readonly spki?: Uint8Array
}

/** Puts a data key (16 to 64 bytes, a multiple of 8) into an envelope for this key; `apv` binds it to a context. */
export function wrapDataKey(key: Recipient, dataKey: Uint8Array, apv: Uint8Array = none): Envelope {
  if (key.purpose !== 'unwrap' || !key.spki) throw new BoxError('wrong-purpose', 'only an `unwrap` key has envelopes')
  if (dataKey.length < 16 || dataKey.length > 64 || dataKey.length % 8 !== 0)
    throw new BoxError('bad-input', 'a data key has 16 to 64 bytes, a multiple of 8')
  const recipient = createPublicKey({ key: Buffer.from(key.spki), format: 'der', type: 'spki' })
  if (key.algorithm === 'RSA-OAEP-256') {
    if (apv.length > 0) throw new BoxError('unsupported', 'an RSA envelope binds no context')
    return { algorithm: key.algorithm, encryptedKey: Uint8Array.from(publicEncrypt(oaep(recipient), dataKey)) }
  }
  const ephemeral = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const kek = agree(ephemeral.privateKey, recipient, none, apv)
  const cipher = createCipheriv('aes256-wrap', kek, keyWrapValue)
  const encryptedKey = Uint8Array.from(Buffer.concat([cipher.update(dataKey), cipher.final()]))
  kek.fill(0)
  return { algorithm: 'ECDH-ES+A256KW', epk: pointOf(ephemeral.publicKey), encryptedKey, apv }
}

/**
 * For a database column: a byte for the algorithm, the compressed ephemeral key where there is one, the encrypted key.
 * PartyUInfo and PartyVInfo are left out: who opens has to know the context.
 */
export function serializeEnvelope(envelope: Envelope): Uint8Array {
  return envelope.algorithm === 'RSA-OAEP-256'
    ? Uint8Array.from([2, ...envelope.encryptedKey])
    : Uint8Array.from([1, ...compress(envelope.epk), ...envelope.encryptedKey])
}

/** The envelope of such bytes, with the context it was made for. BoxError `bad-input`. */
export function parseEnvelope(bytes: Uint8Array, apv: Uint8Array = none): Envelope {
  if (bytes[0] === 2) return { algorithm: 'RSA-OAEP-256', encryptedKey: bytes.slice(1) }
  try {
    if (bytes[0] === 1)
      return {
        algorithm: 'ECDH-ES+A256KW',
        epk: parsePoint('P-256', bytes.subarray(1, 34)),
        encryptedKey: bytes.slice(34),
        apv,
      }
  } catch (cause) {
    if (!(cause instanceof CurveError)) throw cause
  }
  throw new BoxError('bad-input', 'not an envelope')
}

/** For drivers: opens an envelope with the private half. BoxError `bad-input`, one wording for every cause. */
export function openEnvelope(key: KeyObject, envelope: Envelope): Uint8Array {
  try {
    if (envelope.algorithm === 'RSA-OAEP-256') return Uint8Array.from(privateDecrypt(oaep(key), envelope.encryptedKey))
    if (envelope.encryptedKey.length < 24 || envelope.encryptedKey.length > 72) throw new RangeError('no data key')
    const kek = agree(key, publicKeyOf(envelope.epk), envelope.apu ?? none, envelope.apv ?? none)
    const decipher = createDecipheriv('aes256-wrap', kek, keyWrapValue)
    const dataKey = Uint8Array.from(Buffer.concat([decipher.update(envelope.encryptedKey), decipher.final()]))
    kek.fill(0)
    return dataKey
  } catch {
    // The cause stays here: which check failed is what a padding oracle lives on.
    throw new BoxError('bad-input', 'the envelope does not open')
  }
}

/** Concat KDF of RFC 7518 §4.6.2 over SHA-256, at most 32 bytes. */
export function concatKdf(
  secret: Uint8Array,
  algorithm: string,
  apu: Uint8Array,
  apv: Uint8Array,
  length: number,
): Uint8Array {
  const hash = createHash('sha256').update(uint32(1)).update(secret)
  for (const part of [Buffer.from(algorithm, 'ascii'), apu, apv]) hash.update(uint32(part.length)).update(part)
  return Uint8Array.from(
    hash
      .update(uint32(8 * length))
      .digest()
      .subarray(0, length),
  )
}

const none = new Uint8Array()
const keyWrapValue = Buffer.alloc(8, 0xa6) // RFC 3394 §2.2.3.1

function agree(privateKey: KeyObject, publicKey: KeyObject, apu: Uint8Array, apv: Uint8Array): Uint8Array {
  const secret = diffieHellman({ privateKey, publicKey })
  const kek = concatKdf(secret, 'ECDH-ES+A256KW', apu, apv, 32)
  secret.fill(0)
  return kek
}

function oaep(key: KeyObject) {
  return { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
}

function publicKeyOf(point: Point): KeyObject {
  const [x, y] = [base64url(xOf(point)), base64url(yOf(point))]
  return createPublicKey({ key: { kty: 'EC', crv: point.curve, x, y }, format: 'jwk' })
}

function pointOf(key: KeyObject): Point {
  const { x, y } = key.export({ format: 'jwk' })
  return parsePoint('P-256', Buffer.concat([Buffer.of(4), Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url')]))
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}
