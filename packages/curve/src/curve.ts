/**
 * The three prime-order curves y² = x³ − 3x + b over GF(p), cofactor 1 (NIST SP 800-186 §3.2.1, SEC 2 §2).
 * The numbers are taken from @noble/curves, and compared with libcrypto's whenever the native engine starts.
 */
import { p256, p384, p521 } from '@noble/curves/nist.js'

export type CurveName = 'P-256' | 'P-384' | 'P-521'

export interface Curve {
  readonly name: CurveName
  /** Bytes of a coordinate and of a scalar: 32, 48 or 66. */
  readonly width: number
  /** The field's prime; p ≡ 3 mod 4 on all three. */
  readonly p: bigint
  /** The group's order, a prime. */
  readonly n: bigint
  readonly b: bigint
}

function parameters(name: CurveName, { Point }: typeof p256): Curve {
  const { p, n, b } = Point.CURVE()
  return { name, width: Math.ceil(p.toString(2).length / 8), p, n, b }
}

const curves: Readonly<Record<CurveName, Curve>> = {
  'P-256': parameters('P-256', p256),
  'P-384': parameters('P-384', p384),
  'P-521': parameters('P-521', p521),
}

export const curveNames: readonly CurveName[] = ['P-256', 'P-384', 'P-521']

export function curve(name: CurveName): Curve {
  return curves[name]
}

/** x³ − 3x + b mod p: what y² has to be. */
export function rightHandSide({ p, b }: Curve, x: bigint): bigint {
  return ((((x * x) % p) - 3n + p) * x + b) % p
}
