/**
 * RFC 9497 as the client sees it, modes OPRF (0x00) and VOPRF (0x01), in batches: blind, send, finalize. The service
 * learns neither input nor output; the caller learns the output, which is the final pseudonym: domains that allow this
 * have a table of their own. Both halves are pure but for the random blinds. In VOPRF mode there is no output without a
 * proof that one key, the one whose public part the caller trusts, made all answers; OPRF mode proves nothing.
 */
import {
  type CurveName,
  compress,
  concatenate,
  contextString,
  curve,
  type Engine,
  maxProofBatch,
  type OprfMode,
  type Point,
  type Proof,
  parseProof,
  type Random,
  randomScalar,
  type Scalar,
  suiteHash,
  systemRandom,
  verifyProof,
} from '@littlebox/curve'
import { PseudonymError } from './pseudonym-error.ts'

export type OprfSuite = 'P256-SHA256' | 'P384-SHA384' | 'P521-SHA512'

export const oprfCurves: Readonly<Record<OprfSuite, CurveName>> = {
  'P256-SHA256': 'P-256',
  'P384-SHA384': 'P-384',
  'P521-SHA512': 'P-521',
}

/** What the caller keeps between the halves, and keeps to itself; only `blindedElements` go to the service. */
export interface OprfBatch {
  readonly suite: OprfSuite
  readonly mode: OprfMode
  readonly inputs: readonly Uint8Array[]
  readonly blinds: readonly Scalar[]
  readonly blindedElements: readonly Point[]
}

/** The service's answer, and the public key the caller trusts: from the domain's description, never from the answer. */
export interface OprfAnswer {
  readonly evaluated: readonly Point[]
  readonly proof?: Proof
  readonly publicKey?: Point
}

/** Blind, RFC 9497 §3.3.1. PseudonymError `value-too-long` for an input over 65,535 bytes. */
export async function blind(
  engine: Engine,
  suite: OprfSuite,
  mode: OprfMode,
  inputs: readonly Uint8Array[],
  random: Random = systemRandom,
): Promise<OprfBatch> {
  if (inputs.some(input => input.length > longestInput))
    throw new PseudonymError('value-too-long', `an input has at most ${longestInput} bytes`)
  const name = oprfCurves[suite]
  const tag = concatenate(ascii('HashToGroup-'), contextString(name, mode))
  const blinds = inputs.map(() => randomScalar(name, random))
  const elements = await engine.hashToCurve(name, inputs, tag)
  const blindedElements = await engine.multiply(elements, asFactors(blinds))
  return { suite, mode, inputs, blinds, blindedElements }
}

/**
 * Finalize, RFC 9497 §3.3.1 and §3.3.2: the output of each input, 32, 48 or 64 bytes. PseudonymError `invalid-point` for
 * elements of another curve; `unexpected-answer` when the count differs, or in VOPRF mode the proof is absent or wrong.
 */
export async function finalize(engine: Engine, batch: OprfBatch, answer: OprfAnswer): Promise<Uint8Array[]> {
  const name = oprfCurves[batch.suite]
  const { inputs, blinds } = batch
  const { evaluated } = answer
  if (evaluated.length !== inputs.length)
    throw new PseudonymError('unexpected-answer', 'there are not as many evaluated elements as inputs')
  if (evaluated.some(element => element.curve !== name))
    throw new PseudonymError('invalid-point', `an evaluated element is not on ${name}`)
  if (inputs.length === 0) return []
  if (batch.mode === 'VOPRF') await requireProof(engine, batch, answer)
  const unblinded = await engine.multiply(evaluated, asFactors(engine.invert(blinds)))
  return unblinded.map((element, i) => oprfOutput(batch.suite, inputs[i]!, element))
}

/** The end of Finalize and of Evaluate, RFC 9497 §3.3.1: Hash(len ‖ input ‖ len ‖ element ‖ "Finalize"). */
export function oprfOutput(suite: OprfSuite, input: Uint8Array, element: Point): Uint8Array {
  const serialized = compress(element)
  const parts = [twoBytes(input.length), input, twoBytes(serialized.length), serialized, ascii('Finalize')]
  return suiteHash(oprfCurves[suite])(concatenate(...parts))
}

/** SerializeElement, RFC 9497 §4: compressed SEC 1. */
export function serializeElement(element: Point): Uint8Array {
  return compress(element)
}

/** DeserializeElement of each, compressed only. PseudonymError `invalid-point` when one is none. */
export async function deserializeElements(
  engine: Engine,
  suite: OprfSuite,
  encodings: readonly Uint8Array[],
): Promise<Point[]> {
  const name = oprfCurves[suite]
  const parsed = await engine.parse(name, encodings)
  return parsed.map((point, i) => {
    if (point === undefined || encodings[i]!.length !== 1 + curve(name).width)
      throw new PseudonymError('invalid-point', `not a serialised element of ${suite}`)
    return point
  })
}

/** A proof as it travels: challenge ‖ response at full width. PseudonymError `unexpected-answer`. */
export function deserializeProof(suite: OprfSuite, bytes: Uint8Array): Proof {
  try {
    return parseProof(oprfCurves[suite], bytes)
  } catch (cause) {
    throw new PseudonymError('unexpected-answer', `not a proof of ${suite}`, { cause })
  }
}

const longestInput = 65_535

async function requireProof(engine: Engine, batch: OprfBatch, answer: OprfAnswer): Promise<void> {
  const { evaluated, proof, publicKey } = answer
  if (proof === undefined || publicKey === undefined)
    throw new PseudonymError('unexpected-answer', 'verifiable mode needs a proof and the public key it is about')
  if (publicKey.curve !== oprfCurves[batch.suite] || evaluated.length > maxProofBatch)
    throw new PseudonymError('unexpected-answer', 'no proof can be about this batch and this key')
  if (!(await verifyProof(engine, publicKey, batch.blindedElements, evaluated, proof)))
    throw new PseudonymError('unexpected-answer', 'the proof does not hold')
}

function asFactors(scalars: readonly Scalar[]): Scalar[][] {
  return scalars.map(scalar => [scalar])
}

function twoBytes(integer: number): Uint8Array {
  return Uint8Array.of(integer >> 8, integer & 0xff)
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
