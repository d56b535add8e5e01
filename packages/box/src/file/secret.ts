/**
 * Private keys in this process's memory: a scalar for `multiply`, a KeyObject for all else. Here they are made, and
 * turned into the bytes that the file holds sealed, and back. Nothing of this file is exported from the package.
 */
import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  generateKeyPair,
  KeyObject,
  randomBytes,
} from 'node:crypto'
import { promisify } from 'node:util'
import { parseScalar, randomScalar, type Scalar } from '@littlebox/curve'
import type { KeyKind } from '../box.ts'
import { signatureAlgorithms } from '../signature.ts'
import type { Multiplier } from './multiplier.ts'

export type Secret = Scalar | KeyObject

/** A new private key from system randomness. */
export async function makeSecret(kind: KeyKind): Promise<Secret> {
  switch (kind.purpose) {
    case 'multiply':
      return randomScalar(kind.algorithm)
    case 'derive':
      return createSecretKey(randomBytes(32))
    case 'sign': {
      const { curve } = signatureAlgorithms[kind.algorithm]
      return curve === undefined ? (await generate('ed25519')).privateKey : makeEllipticKey(curve)
    }
    case 'unwrap':
      return kind.algorithm === 'RSA-OAEP-256'
        ? (await generate('rsa', { modulusLength: 3072 })).privateKey
        : makeEllipticKey('prime256v1')
  }
}

/** kG uncompressed, or SubjectPublicKeyInfo; nothing for `derive`. */
export async function publicPartOf(secret: Secret, multiplier: Multiplier): Promise<Uint8Array | undefined> {
  if (!(secret instanceof KeyObject)) return (await multiplier.publicPoint(secret)).bytes
  return secret.type === 'private' ? createPublicKey(secret).export({ format: 'der', type: 'spki' }) : undefined
}

/** What `secretFromBytes` reads. To be wiped by the caller once sealed. */
export function secretToBytes(secret: Secret): Uint8Array {
  if (!(secret instanceof KeyObject)) return secret.bytes.slice()
  return secret.type === 'private' ? secret.export({ format: 'der', type: 'pkcs8' }) : secret.export()
}

export function secretFromBytes(kind: KeyKind, bytes: Uint8Array): Secret {
  switch (kind.purpose) {
    case 'multiply':
      return parseScalar(kind.algorithm, bytes)
    case 'derive':
      return createSecretKey(bytes)
    default:
      return createPrivateKey({ key: Buffer.from(bytes), format: 'der', type: 'pkcs8' })
  }
}

const generate = promisify(generateKeyPair)

async function makeEllipticKey(namedCurve: string): Promise<KeyObject> {
  return (await generate('ec', { namedCurve })).privateKey
}
