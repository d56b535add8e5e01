/**
 * The system's randomness in larger draughts: the same bytes, each given out once and wiped from here, without a call
 * into the system for every scalar of a batch.
 */
import { randomFillSync } from 'node:crypto'
import type { Random } from '@littlebox/curve'

export function draughts(size = 8192): Random {
  const store = Buffer.alloc(size)
  let used = size
  return length => {
    if (length > size) throw new RangeError(`at most ${size} bytes at once`)
    if (used + length > size) {
      randomFillSync(store)
      used = 0
    }
    const bytes = Uint8Array.from(store.subarray(used, used + length))
    store.fill(0, used, used + length)
    used += length
    return bytes
  }
}
