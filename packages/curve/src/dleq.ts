/**
 * The proof that many points were multiplied by one key: discrete logarithm equality, RFC 9497 §2.2. Here stands what
 * prover and verifier both compute: the transcripts and their hashes, and the check. Making a proof needs the key and
 * happens inside its box. A proof tells nobody anything but that it holds; it says nothing on whose key it is: a verifier
 * who was given a wrong public key believes the wrong service.
 */
import { type CurveName, curve } from './curve.ts'
import { CurveError } from './curve-error.ts'
import type { Engine } from './engine.ts'
import { hashToScalar, suiteHash } from './hash.ts'
import { concatenate } from './integer.ts'
import { compress, generator, type Point } from './point.ts'
import { parseScalar, type Scalar } from './scalar.ts'

/** RFC 9497 §3.1: 0x00 and 0x01. */
export type OprfMode = 'OPRF' | 'VOPRF'

/** The most points one proof covers: indices are two bytes long (RFC 9497 §2.2.1). */
export const maxProofBatch = 65_535

export interface Proof {
  readonly challenge: Scalar
  readonly response: Scalar
}

/** M = Σ dᵢ·Cᵢ and Z = Σ dᵢ·Dᵢ: the batch as one pair of points. */
export interface Composites {
  readonly m: Point
  readonly z: Point
}

/** CreateContextString, RFC 9497 §3.1. */
export function contextString(name: CurveName, mode: OprfMode): Uint8Array<ArrayBuffer> {
  return concatenate(ascii('OPRFV1-'), Uint8Array.of(mode === 'OPRF' ? 0 : 1), ascii(`-${suites[name]}`))
}

/** The weights dᵢ of ComputeComposites, RFC 9497 §2.2.1. CurveError `curve-mismatch` unless 1 to 65,535 pairs. */
export function compositeWeights(publicKey: Point, blinded: readonly Point[], evaluated: readonly Point[]): Scalar[] {
  const name = publicKey.curve
  if (blinded.length !== evaluated.length || blinded.length === 0 || blinded.length > maxProofBatch)
    throw new CurveError('curve-mismatch', 'a proof needs as many evaluated points as blinded ones, 1 to 65,535')
  if ([...blinded, ...evaluated].some(point => point.curve !== name))
    throw new CurveError('curve-mismatch', 'a proof needs all points on the curve of its key')
  const context = contextString(name, 'VOPRF')
  const seedTag = concatenate(ascii('Seed-'), context)
  const seed = suiteHash(name)(concatenate(prefixed(compress(publicKey)), prefixed(seedTag)))
  return blinded.map((c, i) => {
    const pair = [prefixed(compress(c)), prefixed(compress(evaluated[i]!))]
    return toScalar(name, concatenate(prefixed(seed), twoBytes(i), ...pair, ascii('Composite')))
  })
}

/** Σ weightᵢ·pointᵢ. CurveError `identity` when they cancel out, which honest transcripts never do. */
export async function weightedSum(
  engine: Engine,
  points: readonly Point[],
  weights: readonly Scalar[],
): Promise<Point> {
  const products = await engine.multiply(
    points,
    weights.map(weight => [weight]),
  )
  return engine.sum(products)
}

/** ComputeComposites, RFC 9497 §2.2.1 as the verifier does it, without the key. */
export async function computeComposites(
  engine: Engine,
  publicKey: Point,
  blinded: readonly Point[],
  evaluated: readonly Point[],
): Promise<Composites> {
  const weights = compositeWeights(publicKey, blinded, evaluated)
  const [m, z] = await Promise.all([weightedSum(engine, blinded, weights), weightedSum(engine, evaluated, weights)])
  return { m, z }
}

/** The challenge over key, composites and both commitments: RFC 9497 §2.2.1, GenerateProof. */
export function proofChallenge(publicKey: Point, { m, z }: Composites, t2: Point, t3: Point): Scalar {
  const points = [publicKey, m, z, t2, t3].map(point => prefixed(compress(point)))
  return toScalar(publicKey.curve, concatenate(...points, ascii('Challenge')))
}

/**
 * VerifyProof, RFC 9497 §2.2.2: were all `evaluated` made of `blinded` by the private half of `publicKey`?
 * CurveError `curve-mismatch` for batches that no proof can cover.
 */
export async function verifyProof(
  engine: Engine,
  publicKey: Point,
  blinded: readonly Point[],
  evaluated: readonly Point[],
  { challenge, response }: Proof,
): Promise<boolean> {
  try {
    const composites = await computeComposites(engine, publicKey, blinded, evaluated)
    const products = await engine.multiply(
      [generator(publicKey.curve), publicKey, composites.m, composites.z],
      [[response], [challenge], [response], [challenge]],
    )
    const t2 = engine.sum(products.slice(0, 2))
    const t3 = engine.sum(products.slice(2))
    return sameBytes(proofChallenge(publicKey, composites, t2, t3).bytes, challenge.bytes)
  } catch (error) {
    if (error instanceof CurveError && error.code === 'identity') return false
    throw error
  }
}

/** challenge ‖ response, each at full width: the proof as RFC 9497's vectors print it. */
export function serializeProof({ challenge, response }: Proof): Uint8Array<ArrayBuffer> {
  return concatenate(challenge.bytes, response.bytes)
}

/** The proof of these bytes. CurveError `invalid-scalar`. */
export function parseProof(name: CurveName, bytes: Uint8Array): Proof {
  const { width } = curve(name)
  return {
    challenge: parseScalar(name, bytes.subarray(0, width)),
    response: parseScalar(name, bytes.subarray(width)),
  }
}

const suites: Readonly<Record<CurveName, string>> = {
  'P-256': 'P256-SHA256',
  'P-384': 'P384-SHA384',
  'P-521': 'P521-SHA512',
}

/** HashToScalar with the default tag of RFC 9497 §4.3 to §4.5. */
function toScalar(name: CurveName, message: Uint8Array): Scalar {
  return hashToScalar(name, message, concatenate(ascii('HashToScalar-'), contextString(name, 'VOPRF')))
}

function prefixed(bytes: Uint8Array): Uint8Array {
  return concatenate(twoBytes(bytes.length), bytes)
}

function twoBytes(integer: number): Uint8Array {
  return Uint8Array.of(integer >> 8, integer & 0xff)
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i])
}
