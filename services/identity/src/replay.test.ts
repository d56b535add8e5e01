import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { replayAdapter, replayMemory } from './replay.ts'

function clocked(capacity: number) {
  let now = 1_000_000
  const memory = replayMemory(capacity, () => now)
  return {
    memory,
    pass: (seconds: number) => {
      now += seconds * 1000
    },
  }
}

describe('the memory of what was used (RFC 9449 §11.1)', () => {
  test('a use is remembered until its time is over, and no longer', () => {
    const { memory, pass } = clocked(10)
    expect(memory.remember('a', 60)).toBe(true)
    pass(59)
    expect(memory.used('a')).toBe(true)
    expect(memory.remember('a', 60)).toBe(false)
    pass(1)
    expect(memory.used('a')).toBe(false)
    expect(memory.remember('a', 60)).toBe(true)
  })

  test('full, it refuses the new and forgets nothing', () => {
    const { memory } = clocked(2)
    memory.remember('a', 60)
    memory.remember('b', 60)
    expect(memory.remember('c', 60)).toBe('full')
    expect(memory.used('a')).toBe(true)
    expect(memory.used('b')).toBe(true)
  })

  test('it has room again when the time of others is over', () => {
    const { memory, pass } = clocked(2)
    memory.remember('a', 10)
    memory.remember('b', 60)
    pass(11)
    expect(memory.remember('c', 60)).toBe(true)
    expect(memory.remember('d', 60)).toBe('full')
  })

  test('whatever happens, nothing is taken twice within its time', () => {
    const step = fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd'), seconds: fc.integer({ min: 1, max: 50 }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), (steps, capacity) => {
        const { memory, pass } = clocked(capacity)
        const taken = new Map<string, number>()
        let elapsed = 0
        for (const { id, seconds } of steps) {
          const live = (taken.get(id) ?? 0) > elapsed
          const result = memory.remember(id, seconds)
          if (live) expect(result).toBe(false)
          if (result === true) taken.set(id, elapsed + seconds)
          pass(seconds / 3)
          elapsed += seconds / 3
        }
      }),
    )
  })
})

describe('as oidc-provider’s ReplayDetection', () => {
  test('the second of two that both looked before either wrote is refused', async () => {
    const adapter = replayAdapter(clocked(10).memory)
    expect(await adapter.find('a')).toBeUndefined()
    expect(await adapter.find('a')).toBeUndefined()
    await adapter.upsert('a', {}, 60)
    await expect(adapter.upsert('a', {}, 60)).rejects.toMatchObject({ error: 'invalid_request' })
  })

  test('a full memory answers 503', async () => {
    const adapter = replayAdapter(clocked(1).memory)
    await adapter.upsert('a', {}, 60)
    await expect(adapter.upsert('b', {}, 60)).rejects.toMatchObject({ statusCode: 503 })
  })

  test('a proof whose iat lies 300 s ahead is remembered as long as it is good', async () => {
    const { memory, pass } = clocked(10)
    const adapter = replayAdapter(memory)
    await adapter.upsert('proof', {}, 300)
    pass(599)
    await expect(adapter.upsert('proof', {}, 300)).rejects.toMatchObject({ error: 'invalid_request' })
  })
})
