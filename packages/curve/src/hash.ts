/** Hashing to the curve and to scalars, RFC 9380, with the hash of each curve's suite. Inputs may be of any length. */

import { expand_message_xmd } from '@noble/curves/abstract/hash-to-curve.js'
import { p256_hasher, p384_hasher, p521_hasher } from '@noble/curves/nist.js'
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js'
import { type CurveName, curve } from './curve.ts'
import { modulo, toBytes, toInteger } from './integer.ts'
import { type Point, trust } from './point.ts'
import { parseScalar, type Scalar } from './scalar.ts'

const suites = {
  'P-256': { hasher: p256_hasher, hash: sha256, expandedLength: 48 },
  'P-384': { hasher: p384_hasher, hash: sha384, expandedLength: 72 },
  'P-521': { hasher: p521_hasher, hash: sha512, expandedLength: 98 },
} as const

/** hash_to_curve, RFC 9380 §3, with this domain separation tag. */
export function hashToPoint(name: CurveName, message: Uint8Array, tag: Uint8Array): Point {
  return trust(name, suites[name].hasher.hashToCurve(message, { DST: tag }).toBytes(false))
}

/** HashToScalar, RFC 9497 §4: hash_to_field modulo the group's order. CurveError `invalid-scalar` for the digest 0. */
export function hashToScalar(name: CurveName, message: Uint8Array, tag: Uint8Array): Scalar {
  const { hash, expandedLength } = suites[name]
  const { n, width } = curve(name)
  const uniform = expand_message_xmd(message, tag, expandedLength, hash)
  return parseScalar(name, toBytes(modulo(toInteger(uniform), n), width))
}

/** The hash function of the curve's suite: SHA-256, SHA-384 or SHA-512. */
export function suiteHash(name: CurveName): (message: Uint8Array) => Uint8Array {
  return suites[name].hash
}
