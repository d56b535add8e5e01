import type { Point, Scalar } from '@littlebox/curve'

/** k and kG, within this driver only. */
export interface KeyPair {
  readonly scalar: Scalar
  readonly point: Point
}
