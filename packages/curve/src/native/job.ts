/**
 * What the native engine asks of a thread: a run of equal operations on one curve, with points, scalars and coordinates
 * packed one after the other at full width. Jobs carry scalars between threads of this process and nowhere else.
 */
import { type CurveName, curve, rightHandSide } from '../curve.ts'
import { hashToPoint } from '../hash.ts'
import { toBytes, toInteger } from '../integer.ts'
import type { Libcrypto } from './libcrypto.ts'

export type Job = { readonly curve: CurveName; readonly count: number } & (
  | { readonly kind: 'multiply'; readonly points: Uint8Array; readonly scalars: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'multiply-base'; readonly scalars: Uint8Array<ArrayBuffer> }
  /**
   * The point at the first of x, x+1, … (`attempts` of them) that lies on the curve. `roots` says which y: 0 the
   * principal root, 2 the even one, 3 the odd one.
   */
  | { readonly kind: 'lift'; readonly xs: Uint8Array; readonly roots: Uint8Array; readonly attempts: number }
  | { readonly kind: 'hash'; readonly messages: readonly Uint8Array[]; readonly tag: Uint8Array }
)

/** Points packed uncompressed; all zeros where there is none (`lift`). */
export type JobResult = Uint8Array<ArrayBuffer>

export function perform(libcrypto: Libcrypto, job: Job): JobResult {
  const { width } = curve(job.curve)
  const pointLength = 1 + 2 * width
  const group = libcrypto.group(job.curve)
  const results = new Uint8Array(job.count * pointLength)
  for (let i = 0; i < job.count; i++) {
    const result = results.subarray(i * pointLength, (i + 1) * pointLength)
    const cell = (packed: Uint8Array, size: number) => packed.subarray(i * size, (i + 1) * size)
    switch (job.kind) {
      case 'multiply':
        group.multiply(cell(job.points, pointLength), cell(job.scalars, width), result)
        break
      case 'multiply-base':
        group.multiplyBase(cell(job.scalars, width), result)
        break
      case 'lift':
        lift(cell(job.xs, width), job.roots[i]!, job.attempts, result)
        break
      case 'hash':
        result.set(hashToPoint(job.curve, job.messages[i]!, job.tag).bytes)
    }
  }
  return results

  function lift(start: Uint8Array, root: number, attempts: number, result: Uint8Array): void {
    const parameters = curve(job.curve)
    const y = result.subarray(1 + width)
    let x = toInteger(start)
    for (let attempt = 0; attempt < attempts && x < parameters.p; attempt++, x++) {
      if (!group.squareRoot(toBytes(rightHandSide(parameters, x), width), y)) continue
      if (root !== 0 && (y.at(-1)! & 1) !== (root & 1)) y.set(toBytes(parameters.p - toInteger(y), width))
      result[0] = 4
      result.set(toBytes(x, width), 1)
      return
    }
  }
}
