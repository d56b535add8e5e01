/** Checks that both engines make on a batch before they compute. */
import type { CurveName } from './curve.ts'
import { CurveError } from './curve-error.ts'
import type { Point } from './point.ts'
import type { Scalar } from './scalar.ts'

/** The one curve that everything in a non-empty batch belongs to. CurveError `curve-mismatch`. */
export function commonCurve(batch: readonly (Point | Scalar)[]): CurveName {
  const name = batch[0]?.curve
  if (name === undefined || batch.some(element => element.curve !== name))
    throw new CurveError('curve-mismatch', 'a batch needs at least one element, and all of one curve')
  return name
}

/** Checks a batch for `Engine.multiply`, and gives the product of each list of factors. */
export function foldFactors(
  points: readonly Point[],
  factors: readonly (readonly Scalar[])[],
  product: (a: Scalar, b: Scalar) => Scalar,
): Scalar[] {
  if (factors.length !== points.length || factors.some(list => list.length === 0))
    throw new CurveError('curve-mismatch', 'a multiplication needs one non-empty list of factors for each point')
  return factors.map(list => list.reduce(product))
}
