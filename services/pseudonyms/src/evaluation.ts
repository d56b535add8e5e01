/**
 * Evaluate (RFC 9497 §3.3): the domain's key times each blinded element, without transit, so that the caller itself gets
 * the pseudonym. VOPRF, with a proof that one key made all answers, when the box can prove; else OPRF. The service learns
 * neither input nor output. Only in domains that allow it: there the caller learns what elsewhere only the owner does.
 */
import type { Box } from '@littlebox/box'
import { compress, curve, type Engine, type Point, serializeProof } from '@littlebox/curve'
import { commonProblem } from '@littlebox/kit/problem'
import type { Domain } from './directory.ts'
import { parseObject } from './items.ts'
import { problem } from './problems.ts'

export interface Evaluated {
  readonly evaluated: readonly string[]
  readonly mode: 'voprf' | 'oprf'
  readonly proof?: string
  readonly publicKey?: string
}

/** 1 to `limit` elements. Problem `malformed-json`, `invalid-request`. */
export function readBlinded(body: string, limit: number): string[] {
  const { blinded } = parseObject(body) as { blinded?: unknown }
  if (!Array.isArray(blinded) || !blinded.every(element => typeof element === 'string'))
    throw commonProblem('invalid-request', { detail: 'blinded: a list of texts is expected.' })
  if (blinded.length < 1 || blinded.length > limit)
    throw commonProblem('invalid-request', { detail: `blinded: 1 to ${limit} elements, not ${blinded.length}.` })
  return blinded
}

/** DeserializeElement of each (RFC 9497 §4: compressed). One bad element refuses the whole: Problem `invalid-point`. */
export async function checkBlinded(engine: Engine, domain: Domain, blinded: readonly string[]): Promise<Point[]> {
  const { width } = curve(domain.curve)
  const encodings = blinded.map(text => {
    const bytes = text.length <= 2 * width ? Buffer.from(text, 'base64url') : Buffer.alloc(0)
    return bytes.length === 1 + width && bytes.toString('base64url') === text ? bytes : Buffer.alloc(0)
  })
  const points = await engine.parse(domain.curve, encodings)
  return points.map((point, i) => {
    if (!point) throw problem('invalid-point', { detail: `blinded[${i}] is no element of ${domain.curve}.` })
    return point
  })
}

export async function evaluatePoints(box: Box, domain: Domain, blinded: readonly Point[]): Promise<Evaluated> {
  const evaluated = await box.multiply([domain.forward], blinded)
  const answer = { evaluated: evaluated.map(point => base64url(compress(point))) }
  if (!box.prove) return { ...answer, mode: 'oprf' }
  const proof = await box.prove(domain.forward, blinded, evaluated)
  return { ...answer, mode: 'voprf', proof: base64url(serializeProof(proof)), publicKey: base64url(domain.publicKey!) }
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}
