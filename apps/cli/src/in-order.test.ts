import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inOrder } from './in-order.ts'

async function* upTo(count: number) {
  for (let i = 0; i < count; i++) yield i
}

const never = new AbortController().signal
const soon = (turns: number) => new Promise<void>(resolve => setTimeout(resolve, turns))

describe('inOrder', () => {
  it('forgets an item once it is delivered', async () => {
    setFlagsFromString('--expose-gc')
    const collectGarbage: () => void = runInNewContext('gc')
    const items: WeakRef<object>[] = []
    let alive = 0
    async function* objects() {
      for (let i = 0; i < 200; i++) {
        const item = { i }
        items.push(new WeakRef(item))
        yield item
      }
    }
    await inOrder({
      items: objects(),
      work: async () => undefined,
      async deliver({ i }) {
        if (i < 199) return
        await soon(0)
        collectGarbage()
        alive = items.filter(item => item.deref()).length
      },
      atOnce: 2,
      stop: never,
    })
    expect(alive).toBeLessThan(10)
  })

  it('delivers in order whatever takes longer, with no more under way than allowed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 12 }),
        fc.integer({ min: 1, max: 4 }),
        async (turns, atOnce) => {
          const delivered: number[] = []
          let underWay = 0
          let most = 0
          const finished = await inOrder({
            items: upTo(turns.length),
            atOnce,
            stop: never,
            async work(item) {
              most = Math.max(most, ++underWay)
              await soon(turns[item]!)
              underWay--
              return item * 10
            },
            async deliver(item, result) {
              delivered.push(item + result)
            },
          })
          expect(finished).toBe(true)
          expect(delivered).toEqual(turns.map((_, i) => i * 11))
          expect(most).toBeLessThanOrEqual(atOnce)
        },
      ),
      { numRuns: 30 },
    )
  })

  it('delivers everything before a failure, and nothing after it', async () => {
    const delivered: number[] = []
    const run = inOrder({
      items: upTo(10),
      atOnce: 4,
      stop: never,
      async work(item) {
        if (item === 5) throw new Error('five')
        await soon(item === 4 ? 5 : 0)
        return item
      },
      async deliver(item) {
        delivered.push(item)
      },
    })
    await expect(run).rejects.toThrow('five')
    expect(delivered).toEqual([0, 1, 2, 3, 4])
  })

  it('delivers what was read before reading fails', async () => {
    const delivered: number[] = []
    async function* broken() {
      yield* upTo(3)
      throw new Error('unreadable')
    }
    const run = inOrder({
      items: broken(),
      atOnce: 4,
      stop: never,
      work: async item => item,
      async deliver(item) {
        delivered.push(item)
      },
    })
    await expect(run).rejects.toThrow('unreadable')
    expect(delivered).toEqual([0, 1, 2])
  })

  it('finishes what is under way when it is stopped, even while waiting for an item that never comes', async () => {
    const stop = new AbortController()
    const delivered: number[] = []
    async function* waiting() {
      yield* upTo(2)
      setTimeout(() => stop.abort(), 5)
      await new Promise<never>(() => {})
    }
    const finished = await inOrder({
      items: waiting(),
      atOnce: 4,
      stop: stop.signal,
      work: async item => item,
      async deliver(item) {
        delivered.push(item)
      },
    })
    expect(finished).toBe(false)
    expect(delivered).toEqual([0, 1])
  })
})
