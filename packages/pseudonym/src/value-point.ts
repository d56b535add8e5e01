/**
 * Values as points of their domain (pseudonyms.md §2): reversibly encoded, or hashed (RFC 9380) where nothing but the
 * value itself leads back. Points of values are secret: they are blinded before anything leaves the caller.
 */
import { CurveError, type CurveName, decodeValue, type Engine, type Point } from '@littlebox/curve'
import { toUtf8 } from '#base64'
import { onSucceeded } from './batch.ts'
import type { Domain } from './domain.ts'
import { attempt, fromCurveError, type PseudonymError } from './pseudonym-error.ts'
import { type Value, valueFromBytes, valueToBytes } from './value-format.ts'

/** What decides a value's point; conversions keep it, so it never depends on the domain's name. */
export type ValueScheme = Pick<Domain, 'curve' | 'encoding' | 'bufferSize' | 'valueFormat'>

/** The point of each value in order, or why it has none: `invalid-value`, `value-too-long`. */
export async function valuePoints(
  engine: Engine,
  scheme: ValueScheme,
  values: readonly Value[],
): Promise<(Point | PseudonymError)[]> {
  const encoded = values.map(value => attempt(() => valueToBytes(scheme.valueFormat, value)))
  return onSucceeded(encoded, async valid => {
    if (scheme.encoding === 'hashed') return engine.hashToCurve(scheme.curve, valid, hashTags[scheme.curve])
    const points = await engine.encode(scheme.curve, valid, scheme.bufferSize)
    return points.map(point => (point instanceof CurveError ? fromCurveError(point) : point))
  })
}

/** The value that a point of a reversible domain stands for. PseudonymError `not-a-value`. */
export function pointValue(scheme: ValueScheme, point: Point): Value | PseudonymError {
  return attempt(() => valueFromBytes(scheme.valueFormat, decodeValue(point, scheme.bufferSize)))
}

/** RFC 9380 §3.1: a tag of our own, with the suite's name. */
const hashTags: Readonly<Record<CurveName, Uint8Array>> = {
  'P-256': toUtf8('Littlebox-pseudonym-V01-with-P256_XMD:SHA-256_SSWU_RO_'),
  'P-384': toUtf8('Littlebox-pseudonym-V01-with-P384_XMD:SHA-384_SSWU_RO_'),
  'P-521': toUtf8('Littlebox-pseudonym-V01-with-P521_XMD:SHA-512_SSWU_RO_'),
}
