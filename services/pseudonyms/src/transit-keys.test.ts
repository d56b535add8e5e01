import { describe, expect, it } from 'vitest'
import { activeKey, retirement, rotateAtTokens, successorDue, type TransitKeyRecord } from './transit-keys.ts'

const hour = 3_600_000
const day = 24 * hour
const start = Date.UTC(2026, 0, 1)
const encoded = { protected: '', iv: '', ciphertext: '', tag: '', recipients: [] }
const key = (kid: string, activeFrom: number, tokens = 0): TransitKeyRecord => ({
  kid,
  tokens,
  encoded,
  createdAt: new Date(start),
  activeFrom: new Date(activeFrom),
  wrapped: new Uint8Array(),
})
const rotation = { everyDays: 28, announceHours: 24 }

describe('when transit keys begin and end (pseudonyms.md §4, §5)', () => {
  it('one is active: the last that has begun', () => {
    const keys = [key('a', start), key('b', start + 28 * day)]
    expect(activeKey(keys, start - 1)).toBeUndefined()
    expect(activeKey(keys, start)?.kid).toBe('a')
    expect(activeKey(keys, start + 28 * day - 1)?.kid).toBe('a')
    expect(activeKey(keys, start + 28 * day)?.kid).toBe('b')
  })

  /** An owner who read the document just before seals with the old key for 6 h more; then lifetime and both clocks' skew. */
  const longest = 6 * hour + (600 + 120) * 1000

  it('an old one opens until the last token that an owner may make with it has expired', () => {
    const transitKeys = [key('a', start), key('b', start + day)]
    const holder = { transitKeys, ttl: 600, retiredAt: undefined }
    expect(retirement(holder, transitKeys[0]!)).toBe(start + day + longest)
    expect(retirement(holder, transitKeys[1]!)).toBeUndefined()
  })

  it('retired with its domain, the last one ends too, and so does a successor that was only announced', () => {
    const transitKeys = [key('a', start), key('b', start + 28 * day), key('c', start + 56 * day)]
    const holder = { transitKeys, ttl: 600, retiredAt: new Date(start + 55.5 * day) }
    expect(transitKeys.map(one => retirement(holder, one))).toEqual([
      start + 28 * day + longest,
      start + 55.5 * day + longest,
      start + 55.5 * day + longest,
    ])
  })

  it('a successor is made a day before 28 days are over, and takes over then', () => {
    const keys = [key('a', start)]
    expect(successorDue(keys, rotation, start + 27 * day - 1)).toBeUndefined()
    expect(successorDue(keys, rotation, start + 27 * day)).toEqual(new Date(start + 28 * day))
    expect(successorDue([...keys, key('b', start + 28 * day)], rotation, start + 28 * day)).toBeUndefined()
    const late = start + 40 * day
    expect(successorDue(keys, rotation, late)).toEqual(new Date(late))
  })

  it('long before 2³² tokens there is another', () => {
    expect(successorDue([key('a', start, rotateAtTokens - 1)], rotation, start)).toBeUndefined()
    expect(successorDue([key('a', start, rotateAtTokens)], rotation, start)).toEqual(new Date(start))
    expect(rotateAtTokens).toBeLessThanOrEqual(2 ** 31)
  })
})
