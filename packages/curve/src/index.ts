/**
 * Prime-order groups for blind pseudonyms: checked points and scalars, values as points, hashing to the curve, on two
 * engines. Runs in browsers; where Node and a system libcrypto are there, `engine()` gives the native engine.
 */

export { defaultEngine as engine } from '#default-engine'
export { type Curve, type CurveName, curve, curveNames } from './curve.ts'
export { CurveError, type CurveErrorCode } from './curve-error.ts'
export {
  type Composites,
  compositeWeights,
  computeComposites,
  contextString,
  maxProofBatch,
  type OprfMode,
  type Proof,
  parseProof,
  proofChallenge,
  serializeProof,
  verifyProof,
  weightedSum,
} from './dleq.ts'
export type { Engine } from './engine.ts'
export { hashToScalar, suiteHash } from './hash.ts'
export { concatenate } from './integer.ts'
export {
  compress,
  generator,
  negate,
  type Point,
  parsePoint,
  pointFromCoordinates,
  pointFromX,
  samePoint,
  xOf,
  yOf,
} from './point.ts'
export { difference, parseScalar, type Random, randomScalar, type Scalar, systemRandom } from './scalar.ts'
export { decodeValue, maxValueLength } from './value.ts'
