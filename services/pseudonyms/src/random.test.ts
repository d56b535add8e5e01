import { describe, expect, it } from 'vitest'
import { draughts } from './random.ts'

describe('randomness in draughts', () => {
  it('gives as many bytes as asked, and no byte twice', () => {
    const random = draughts(256)
    const seen = new Set<string>()
    for (let i = 0; i < 1000; i++) {
      const bytes = random(16 + (i % 51))
      expect(bytes).toHaveLength(16 + (i % 51))
      expect(new Set(bytes).size).toBeGreaterThan(4)
      seen.add(Buffer.from(bytes.subarray(0, 16)).toString('hex'))
    }
    expect(seen.size).toBe(1000)
  })

  it('what it gave is the caller’s own: later draughts do not change it', () => {
    const random = draughts(64)
    const first = random(32)
    const copy = Uint8Array.from(first)
    for (let i = 0; i < 10; i++) random(32)
    expect(first).toEqual(copy)
  })

  it('never gives fewer than asked', () => {
    expect(() => draughts(64)(65)).toThrow(RangeError)
  })
})
