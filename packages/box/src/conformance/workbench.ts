/** What the suite's tests work with: a box, keys made for one test each, and what an answer or a refusal has to be. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type CurveName, engine as defaultEngine, type Engine, type Point, samePoint } from '@littlebox/curve'
import type { Box, DomainKeyMaker, KeyDescription, KeyRef, KeySpec } from '../box.ts'
import { BoxError, type BoxErrorCode } from '../box-error.ts'
import type { Grant } from '../grant.ts'
import type { KeyState } from '../states.ts'

export interface TestRunner {
  describe(name: string, body: () => void): void
  it(name: string, body: () => Promise<void>): void
}

/** An open box, and what makes and changes keys in it. */
export interface BoxUnderTest {
  readonly box: Box & Partial<DomainKeyMaker>
  readonly grant: Grant
}

/** What not every box can do. What is said here is tested, and what is not said must not be offered. */
export interface Abilities {
  readonly curves: readonly CurveName[]
  /** Has `prove`. */
  readonly proves: boolean
  /** `createDomainKey` makes k⁻¹. */
  readonly inverts: boolean
}

/** A key to be made, without the name and version that the bench gives it. */
type Kind = KeySpec extends infer Each ? (Each extends KeySpec ? Omit<Each, 'name' | 'version'> : never) : never

type KeyFor<K extends Kind> = Extract<KeyDescription, { purpose: K['purpose'] }>

export interface Bench extends BoxUnderTest {
  readonly engine: Engine
  /** A new key, brought into this state. */
  inState<K extends Kind>(state: KeyState, kind: K): Promise<KeyFor<K>>
  active<K extends Kind>(kind: K): Promise<KeyFor<K>>
  /** An active key that multiplies. */
  forward(curve: CurveName): Promise<Extract<KeyDescription, { purpose: 'multiply' }>>
  /** An active k and k⁻¹. */
  domain(curve: CurveName): Promise<{ readonly forward: KeyRef; readonly back: KeyRef }>
}

/** Registers one test of the suite. */
export type Test = (name: string, body: (bench: Bench) => Promise<void>) => void

export const deriving = { purpose: 'derive', algorithm: 'HMAC-SHA-256' } as const

/** The transitions that lead from creation to each state. */
export const paths: Readonly<Record<KeyState, readonly Exclude<KeyState, 'pre-activation'>[]>> = {
  'pre-activation': [],
  active: ['active'],
  suspended: ['active', 'suspended'],
  deactivated: ['active', 'deactivated'],
  compromised: ['active', 'compromised'],
  destroyed: ['destroyed'],
}

export async function workbench({ box, grant }: BoxUnderTest): Promise<Bench> {
  return {
    box,
    grant,
    engine: await defaultEngine(),
    inState,
    active: kind => inState('active', kind),
    forward: algorithm => inState('active', { purpose: 'multiply', algorithm }),

    async domain(curve) {
      assert.ok(box.createDomainKey)
      const { forward, back } = await box.createDomainKey(
        { domain: randomUUID(), version: 1, curve, back: true },
        grant,
      )
      assert.ok(back)
      for (const { key } of [forward, back]) await box.change(key, { to: 'active' }, grant)
      return { forward: forward.key, back: back.key }
    },
  }

  async function inState<K extends Kind>(state: KeyState, kind: K): Promise<KeyFor<K>> {
    const name = `conformance/${randomUUID()}`
    let description = await box.create({ ...kind, name, version: 1 }, grant)
    for (const to of paths[state]) description = await box.change(description.key, { to }, grant)
    assert.equal(description.state, state)
    assert.equal(description.purpose, kind.purpose)
    return description as KeyFor<K>
  }
}

export function same(points: readonly Point[], expected: readonly Point[]): void {
  assert.equal(points.length, expected.length)
  for (const [i, point] of points.entries()) assert.ok(samePoint(point, expected[i]!), `point ${i} differs`)
}

export async function refused(code: BoxErrorCode, answer: Promise<unknown>): Promise<void> {
  await assert.rejects(answer, error => error instanceof BoxError && error.code === code)
}
