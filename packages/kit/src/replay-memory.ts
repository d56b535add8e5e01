/**
 * Which proofs were seen: each is good once (RFC 9449 §11.1).
 *
 * Entries leave when their proof would be refused for its age, in strips of ten seconds, so forgetting costs nothing
 * per entry. Bounded: when full, nothing new is taken rather than something forgotten.
 *
 * Does not protect across replicas: a proof that was stolen in its minute is good once at each of them.
 */

import { createHash } from 'node:crypto'

export interface ReplayMemory {
  /** Remembers until `expires` (s). `seen`: it was there; `full`: it can't be remembered, so must not be accepted. */
  remember(identifier: string, expires: number, now: number): 'new' | 'seen' | 'full'
}

const stripSeconds = 10

export function replayMemory(bound: number): ReplayMemory {
  const strips = new Map<number, Set<string>>()
  let size = 0

  function forget(now: number): void {
    for (const [strip, entries] of strips) {
      if ((strip + 1) * stripSeconds >= now) continue
      strips.delete(strip)
      size -= entries.size
    }
  }

  return {
    remember(identifier, expires, now) {
      forget(now)
      // 128 bits of SHA-256: a client that makes two of its own collide only shuts itself out.
      const entry = createHash('sha256').update(identifier).digest().toString('latin1', 0, 16)
      const strip = Math.floor(expires / stripSeconds)
      const entries = strips.get(strip) ?? new Set()
      if (entries.has(entry)) return 'seen'
      if (size >= bound) return 'full'
      entries.add(entry)
      strips.set(strip, entries)
      size++
      return 'new'
    },
  }
}
