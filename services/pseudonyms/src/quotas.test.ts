import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Balance, charge, giveBack } from './quotas.ts'

const day = 86_400_000
const noon = 20_000 * day + day / 2
const limit = { burst: 60, perDay: 1000 }

describe('quotas in points (pseudonyms.md §7)', () => {
  it('grants a burst and not a point more', () => {
    const first = charge(undefined, limit, 60, noon)
    expect(first).toEqual({ granted: true, balance: { level: 0, at: noon, day: 20_000, used: 60 } })
    expect(first.granted && charge(first.balance, limit, 1, noon)).toEqual({ granted: false, retryAfter: 1 })
  })

  it('says when the bucket has filled far enough', () => {
    const empty: Balance = { level: 0, at: noon, day: 20_000, used: 60 }
    expect(charge(empty, limit, 30, noon)).toEqual({ granted: false, retryAfter: 30 })
    expect(charge(empty, limit, 30, noon + 29_000).granted).toBe(false)
    expect(charge(empty, limit, 30, noon + 30_000).granted).toBe(true)
  })

  it('refuses what would not fit into a full bucket, however long the caller waits', () => {
    expect(charge(undefined, limit, 61, noon).granted).toBe(false)
    expect(charge({ level: 0, at: noon, day: 20_000, used: 0 }, limit, 61, noon)).toEqual({
      granted: false,
      retryAfter: 60,
    })
  })

  it('begins a new day at midnight UTC', () => {
    const spent: Balance = { level: 60, at: noon, day: 20_000, used: 1000 }
    expect(charge(spent, limit, 1, noon)).toEqual({ granted: false, retryAfter: day / 2000 })
    expect(charge(spent, limit, 1, noon + day / 2 - 1).granted).toBe(false)
    expect(charge(spent, limit, 1, noon + day / 2).granted).toBe(true)
  })

  it('gives nothing when the clock is set back', () => {
    const spent: Balance = { level: 0, at: noon, day: 20_000, used: 1000 }
    expect(charge(spent, limit, 1, noon - 3 * day).granted).toBe(false)
    const half: Balance = { level: 30, at: noon, day: 20_000, used: 30 }
    const after = charge(half, limit, 30, noon - day / 4)
    expect(after.granted && charge(after.balance, limit, 1, noon)).toEqual({ granted: false, retryAfter: 1 })
  })

  it('gives back what came to nothing: never beyond the bucket, and to the day it was taken from', () => {
    const spent: Balance = { level: 10, at: noon, day: 20_000, used: 50 }
    expect(giveBack(spent, limit, 50, noon, noon)).toEqual({ level: 60, at: noon, day: 20_000, used: 0 })
    expect(giveBack(spent, limit, 5, noon, noon + 60_000)).toMatchObject({ level: 60, used: 45 })
    const tomorrow: Balance = { level: 30, at: noon + day, day: 20_001, used: 30 }
    expect(giveBack(tomorrow, limit, 20, noon, noon + day)).toMatchObject({ level: 50, used: 30 })
  })

  it('never grants more than burst + what has filled since, nor more than perDay', () => {
    const requests = fc.array(
      fc.record({ points: fc.integer({ min: 1, max: 80 }), wait: fc.integer({ min: 0, max: 5000 }) }),
    )
    fc.assert(
      fc.property(requests, steps => {
        let balance: Balance | undefined
        let [now, granted] = [noon, 0]
        for (const { points, wait } of steps) {
          now += wait
          const verdict = charge(balance, limit, points, now)
          if (!verdict.granted) continue
          granted += points
          balance = verdict.balance
          expect(balance.level).toBeGreaterThanOrEqual(0)
        }
        expect(granted).toBeLessThanOrEqual(Math.min(limit.perDay, limit.burst + (now - noon) / 1000 + 1e-6))
      }),
    )
  })
})
