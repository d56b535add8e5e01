/**
 * What every driver has to do alike: the interface of box.ts and the answers to bad input, as tests. A driver's own test
 * passes a way to its box and its test runner's functions:
 *
 *     boxConformance({ describe, it }, async () => ({ box, grant }), { curves, proves: true, inverts: true })
 *
 * The box may be the same one for all tests and may hold other keys: each test makes its own, under random names.
 */
import assert from 'node:assert/strict'
import { lifecycle } from './conformance/lifecycle.ts'
import { multiplying } from './conformance/multiply.ts'
import { otherPurposes } from './conformance/secrets.ts'
import { type Abilities, type BoxUnderTest, type Test, type TestRunner, workbench } from './conformance/workbench.ts'

export type { Abilities, BoxUnderTest, TestRunner } from './conformance/workbench.ts'

export function boxConformance(
  { describe, it }: TestRunner,
  open: () => Promise<BoxUnderTest>,
  abilities: Abilities,
): void {
  const test: Test = (name, body) => it(name, async () => body(await workbench(await open())))

  multiplying(describe, test, abilities)
  otherPurposes(describe, test)
  lifecycle(describe, test, abilities)

  describe('health', () => {
    test('says that the box is ready', async ({ box }) => {
      assert.equal((await box.health()).status, 'ready')
    })
  })
}
