/**
 * Items as they come: eHealth's shape, read by hand because a batch has a thousand of them, and one bad item must not
 * cost the others. An item that was read has the right shape and nothing more: its point is not checked yet.
 *
 * Coordinates are base64 of at most the curve's width: eHealth's clients write big integers, whose leading zero bytes
 * may be missing, so shorter ones are filled up from the left.
 */
import { type CurveName, curve } from '@littlebox/curve'
import { commonProblem, type Problem } from '@littlebox/kit/problem'
import { problem } from './problems.ts'

export interface ReadItem {
  readonly id: string
  readonly crv: string
  readonly x: string
  readonly y: string
  readonly transitInfo: string | undefined
}

/** A body of `{"inputs": […]}` of 1 to `limit` items. Problem `malformed-json`, `invalid-request`. */
export function readBatch(body: string, limit: number): unknown[] {
  const inputs = (parseObject(body) as { inputs?: unknown }).inputs
  if (!Array.isArray(inputs)) throw commonProblem('invalid-request', { detail: 'inputs: a list of items is expected.' })
  if (inputs.length < 1 || inputs.length > limit)
    throw commonProblem('invalid-request', { detail: `inputs: 1 to ${limit} items, not ${inputs.length}.` })
  return inputs
}

/** Problem `malformed-json`, `invalid-request` when the body is no JSON object. */
export function parseObject(body: string): object {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    // The cause would quote the body.
    throw commonProblem('malformed-json')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw commonProblem('invalid-request', { detail: 'A JSON object is expected.' })
  return value
}

export function readItem(value: unknown): ReadItem | Problem {
  if (typeof value !== 'object' || value === null) return misfit('an item is an object')
  const { id, crv, x, y, transitInfo } = value as Record<string, unknown>
  if (typeof id !== 'string' || id.length < 1 || id.length > 128) return misfit('id is a text of 1 to 128 characters')
  if (typeof crv !== 'string' || typeof x !== 'string' || typeof y !== 'string') return misfit('crv, x and y are texts')
  if (transitInfo === undefined || transitInfo === null) return { id, crv, x, y, transitInfo: undefined }
  if (typeof transitInfo !== 'string') return misfit('transitInfo is a text')
  return { id, crv, x, y, transitInfo }
}

/** Uncompressed SEC 1, unchecked: for `Engine.parse`. Empty, which is no point, for another curve or width. */
export function encodingOf(name: CurveName, { crv, x, y }: ReadItem): Uint8Array {
  const { width } = curve(name)
  if (crv !== name) return none
  const sec1 = new Uint8Array(1 + 2 * width)
  sec1[0] = 4
  return place(x, sec1, 1, width) && place(y, sec1, 1 + width, width) ? sec1 : none
}

const none = new Uint8Array()

/** Strict: Buffer skips what is not base64, so the length has to tell. */
function place(text: string, into: Uint8Array, at: number, width: number): boolean {
  if (text.length === 0 || text.length > Math.ceil(width / 3) * 4) return false
  const bytes = Buffer.from(text, 'base64')
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  if (bytes.length !== Math.floor(((text.length - padding) * 3) / 4) || bytes.length > width) return false
  into.set(bytes, at + width - bytes.length)
  return true
}

function misfit(detail: string): Problem {
  return problem('invalid-item', { detail: `The item does not fit: ${detail}.` })
}
