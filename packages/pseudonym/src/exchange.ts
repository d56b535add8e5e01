/**
 * One batch sent to the service and its answer, the part that all blind operations share: blind, send, check that what
 * came back belongs to what was sent, unblind. The service sees blinded points only. An answer that cannot be matched,
 * item by item and in order, is refused as a whole; a problem at one index costs the others nothing.
 */
import type { CurveName, Engine, Point, Scalar } from '@littlebox/curve'
import { blind, unblind } from './blind.ts'
import { PseudonymError, succeeded } from './pseudonym-error.ts'
import { coordinates, type Item, readProblem, type ServiceRequest, type ServiceResponse, uncompressed } from './wire.ts'

/** A point to have multiplied, with the transit information of a pseudonym in transit. */
export interface Question {
  readonly point: Point
  readonly transitInfo?: string
}

/** What the sender keeps until the answer comes: the blinds are secret. */
export interface Pending {
  readonly request: ServiceRequest
  readonly sent: readonly Item[]
  readonly blinds: readonly Scalar[]
  readonly curve: CurveName
  /** The domain that the outputs must name. */
  readonly answersIn: string
  /** Whether each output carries transit information. */
  readonly inTransit: boolean
}

export interface Answer {
  /** Unblinded. */
  readonly point: Point
  /** There if and only if the operation answers in transit. */
  readonly transitInfo: string
}

export interface Operation {
  readonly path: string
  readonly curve: CurveName
  readonly answersIn: string
  readonly inTransit: boolean
}

export async function ask(engine: Engine, operation: Operation, questions: readonly Question[]): Promise<Pending> {
  const { path, ...expected } = operation
  const { points, blinds } = await blind(
    engine,
    questions.map(question => question.point),
  )
  const inputs = points.map((point, i): Item => {
    const { transitInfo } = questions[i]!
    const item = { id: crypto.randomUUID(), ...coordinates(point) }
    return transitInfo === undefined ? item : { ...item, transitInfo }
  })
  return { request: { method: 'POST', path, body: { inputs } }, sent: inputs, blinds, ...expected }
}

/** Answers in the order of the questions. PseudonymError `unexpected-answer`, or what `refusal` says. */
export async function conclude(
  engine: Engine,
  pending: Pending,
  response: ServiceResponse,
): Promise<(Answer | PseudonymError)[]> {
  if (response.status !== 200) throw refusal(response)
  const outputs = (response.body as { outputs?: unknown } | null | undefined)?.outputs
  if (!Array.isArray(outputs) || outputs.length !== pending.sent.length)
    throw unexpected('not one output for each input')

  const read = outputs.map((output: unknown, i) => readOutput(output, pending.sent[i]!, pending))
  const outputsRead = read.filter(succeeded)
  const points = await engine.parse(
    pending.curve,
    outputsRead.map(output => output.encoding),
  )
  if (!points.every(point => point !== undefined)) throw unexpected('a point that is not on the curve')
  const blinds = pending.blinds.filter((_, i) => succeeded(read[i]))
  const unblinded = await unblind(engine, points, blinds)
  let next = 0
  return read.map(one =>
    one instanceof PseudonymError ? one : { point: unblinded[next++]!, transitInfo: one.transitInfo },
  )
}

/** Why the service said no, as an error. */
export function refusal({ status, body, retryAfterSeconds }: ServiceResponse): PseudonymError {
  const said = readProblem(body) ?? { status, code: 'unknown' }
  const problem = { ...said, status, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) }
  if (status === 429) return new PseudonymError('over-quota', 'over the quota', { problem })
  if (status >= 500) return new PseudonymError('service-away', `the service answered ${status}`, { problem })
  if (status >= 400) return new PseudonymError('refused', `refused: ${status} ${problem.code}`, { problem })
  return unexpected(`status ${status}`)
}

export function unexpected(what: string): PseudonymError {
  return new PseudonymError('unexpected-answer', `the answer does not belong to what was sent: ${what}`)
}

interface OutputRead {
  readonly encoding: Uint8Array
  readonly transitInfo: string
}

function readOutput(output: unknown, sent: Item, pending: Pending): OutputRead | PseudonymError {
  if (typeof output !== 'object' || output === null) throw unexpected('an output that is no object')
  const { x, y, crv, domain, inResponseTo, transitInfo } = output as Record<string, unknown>
  if (x === undefined) {
    const problem = readProblem(output)
    if (!problem || (inResponseTo !== undefined && inResponseTo !== sent.id))
      throw unexpected('neither output nor problem')
    return new PseudonymError(itemCode(problem.code), `refused: ${problem.status} ${problem.code}`, { problem })
  }
  if (inResponseTo !== sent.id) throw unexpected('inResponseTo')
  if (domain !== pending.answersIn) throw unexpected('domain')
  if (crv !== pending.curve) throw unexpected('crv')
  if (typeof x !== 'string' || typeof y !== 'string') throw unexpected('coordinates')
  // Unblinded, it would be the value's own point, and the next party could read the value from it.
  if (x === sent.x) throw unexpected('the point that was sent')
  const encoding = uncompressed(pending.curve, x, y)
  if (!encoding) throw unexpected('coordinates')
  if (!pending.inTransit) return { encoding, transitInfo: '' }
  if (typeof transitInfo !== 'string' || !compactDirect.test(transitInfo)) throw unexpected('transitInfo')
  return { encoding, transitInfo }
}

/** A compact JWE without an encrypted key (`dir`). */
const compactDirect = /^[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/

function itemCode(code: string): 'invalid-transit-info' | 'invalid-point' | 'over-quota' | 'refused' {
  return code === 'invalid-transit-info' || code === 'invalid-point' || code === 'over-quota' ? code : 'refused'
}
