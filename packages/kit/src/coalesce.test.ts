import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { coalesce } from './coalesce.ts'

class Busy extends Error {}
const bounds = { waiting: 8, batch: 4, busy: () => new Busy() }

describe('coalesce', () => {
  test('what comes while one flush is under way goes into the next', async () => {
    const flushes: number[][] = []
    let release = (): void => undefined
    const gate = new Promise<void>(done => {
      release = done
    })
    const commits = coalesce(async (items: readonly number[]) => {
      flushes.push([...items])
      if (flushes.length === 1) await gate
      return items.map(item => item * 2)
    }, bounds)
    const first = commits.submit(1)
    await new Promise(done => setTimeout(done, 5))
    const others = [commits.submit(2), commits.submit(3)]
    expect(commits.waiting).toBe(2)
    release()
    expect(await Promise.all([first, ...others])).toEqual([2, 4, 6])
    expect(flushes).toEqual([[1], [2, 3]])
  })

  test('every item gets its own result, in batches no larger than the bound, in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(), { maxLength: 60 }), fc.integer({ min: 1, max: 9 }), async (items, batch) => {
        const seen: number[] = []
        const flush = async (part: readonly number[]) => {
          expect(part.length).toBeLessThanOrEqual(batch)
          seen.push(...part)
          return part.map(item => item + 1)
        }
        const commits = coalesce(flush, { waiting: 60, batch, busy: () => new Busy() })
        expect(await Promise.all(items.map(item => commits.submit(item)))).toEqual(items.map(item => item + 1))
        expect(seen).toEqual(items)
      }),
    )
  })

  test('a flush that fails fails its own items only', async () => {
    const commits = coalesce(
      async (items: readonly number[]) => {
        if (items.includes(1)) throw new Error('one')
        return items
      },
      { ...bounds, batch: 1 },
    )
    const results = await Promise.allSettled([commits.submit(1), commits.submit(2)])
    expect(results.map(result => result.status)).toEqual(['rejected', 'fulfilled'])
  })

  test('over the bound it rejects at once with the caller’s own error', async () => {
    let release = (): void => undefined
    const gate = new Promise<void>(done => {
      release = done
    })
    const commits = coalesce((items: readonly number[]) => gate.then(() => items), bounds)
    const accepted = Array.from({ length: 8 }, (_, index) => commits.submit(index))
    await expect(commits.submit(9)).rejects.toBeInstanceOf(Busy)
    release()
    expect(await Promise.all(accepted)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    await commits.idle()
    expect(commits.waiting).toBe(0)
  })
})
