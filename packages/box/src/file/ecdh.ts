/**
 * Multiplying without libcrypto of our own: node:crypto's ECDH gives only x(kP), so a second derivation gives the sign of
 * y, and no square root is taken. With Q = kP, K = kG, f(x) = x³ − 3x + b, x₁ = x(Q), x₂ = x(k(P + G)) = x(Q + K):
 *
 *     y(Q) = ( f(x₁) + y_K² − (x₂ + x₁ + x_K)(x₁ − x_K)² ) / (2 y_K)
 *
 * The formula works on points and coordinates, which are blinded and no secret; the scalar stays within ECDH. About 160
 * points a second on P-521. Host scalars, used once, are multiplied by the engine given.
 */
import { createECDH, type ECDH } from 'node:crypto'
import {
  type CurveName,
  curve,
  type Engine,
  generator,
  negate,
  type Point,
  parsePoint,
  pointFromCoordinates,
  samePoint,
  xOf,
  yOf,
} from '@littlebox/curve'
import { BoxError } from '../box-error.ts'
import type { KeyPair } from './key-pair.ts'
import type { Multiplier } from './multiplier.ts'

const names: Readonly<Record<CurveName, string>> = { 'P-256': 'prime256v1', 'P-384': 'secp384r1', 'P-521': 'secp521r1' }

export function ecdhMultiplier(engine: Engine): Multiplier {
  return {
    name: 'ecdh',

    async publicPoint(k) {
      const ecdh = createECDH(names[k.curve])
      ecdh.setPrivateKey(k.bytes)
      return parsePoint(k.curve, ecdh.getPublicKey())
    },

    async multiply(keys, points, times) {
      let results: readonly Point[] = points
      for (const key of keys) results = multiplyAll(key, results)
      if (times === undefined) return [...results]
      return engine.multiply(
        results,
        times.map(time => [time]),
      )
    },
  }

  function multiplyAll(key: KeyPair, points: readonly Point[]): Point[] {
    const ecdh = createECDH(names[key.point.curve])
    ecdh.setPrivateKey(key.scalar.bytes)
    const recover = recovery(key.point)
    return points.map(point => multiplyOne(point, ecdh, key.point, recover))
  }

  function multiplyOne(point: Point, ecdh: ECDH, k: Point, recover: Recovery): Point {
    const g = generator(point.curve)
    if (samePoint(point, g)) return k
    if (samePoint(point, negate(g))) return negate(k)
    return recover(ecdh.computeSecret(point.bytes), ecdh.computeSecret(engine.sum([point, g]).bytes))
  }
}

type Recovery = (x1: Uint8Array, x2: Uint8Array) => Point

/** BoxError `inconsistent-answer` when the two coordinates are not those of one Q and Q + K. */
function recovery(k: Point): Recovery {
  const { p, b, width } = curve(k.curve)
  const [xK, yK] = [integer(xOf(k)), integer(yOf(k))]
  const half = inverse(2n * yK, p)
  return (x1Bytes, x2Bytes) => {
    const [x1, x2] = [integer(x1Bytes), integer(x2Bytes)]
    const rightHandSide = ((x1 * x1 - 3n) * x1 + b) % p
    const y = ((rightHandSide + yK * yK - (x2 + x1 + xK) * (x1 - xK) ** 2n) * half) % p
    try {
      return pointFromCoordinates(k.curve, octets(x1, width), octets(y < 0n ? y + p : y, width))
    } catch (cause) {
      throw new BoxError('inconsistent-answer', 'two derivations do not belong together', cause)
    }
  }
}

/** a⁻¹ mod p for public values, by Fermat. */
function inverse(a: bigint, p: bigint): bigint {
  let [result, square] = [1n, a % p]
  for (let rest = p - 2n; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % p
    square = (square * square) % p
  }
  return result
}

function integer(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

function octets(value: bigint, width: number): Uint8Array {
  return Uint8Array.from(Buffer.from(value.toString(16).padStart(2 * width, '0'), 'hex'))
}
