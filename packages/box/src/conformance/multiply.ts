/** What `multiply` and `prove` have to answer, on each curve. */
import assert from 'node:assert/strict'
import { generator, negate, type Point, randomScalar, verifyProof } from '@littlebox/curve'
import { maxPoints } from '../box.ts'
import { type Abilities, refused, same, type Test, type TestRunner } from './workbench.ts'

export function multiplying(
  describe: TestRunner['describe'],
  test: Test,
  { curves, proves, inverts }: Abilities,
): void {
  describe('multiply', () => {
    for (const curve of curves) {
      test(`${curve}: is the multiple by the key of the public part, in order`, async ({ box, forward, engine }) => {
        const { key, point } = await forward(curve)
        const scalars = Array.from({ length: 5 }, () => randomScalar(curve))
        const points = await engine.multiplyBase(scalars)
        const expected = await engine.multiply(
          points.map(() => point),
          scalars.map(s => [s]),
        )
        same(await box.multiply([key], points), expected)
      })

      test(`${curve}: G, −G, P and −P, and one point many times`, async ({ box, forward, engine }) => {
        const { key, point } = await forward(curve)
        const g = generator(curve)
        const [p] = await engine.multiplyBase([randomScalar(curve)])
        const [k, minusK, q, minusQ] = await box.multiply([key], [g, negate(g), p!, negate(p!)])
        same([k!, minusK!], [point, negate(point)])
        same([minusQ!], [negate(q!)])
        same(await box.multiply([key], new Array<Point>(40).fill(p!)), new Array<Point>(40).fill(q!))
      })

      test(`${curve}: keys chain, host scalars fold in`, async ({ box, forward, engine }) => {
        const [one, two] = [await forward(curve), await forward(curve)]
        const points = await engine.multiplyBase([randomScalar(curve), randomScalar(curve)])
        const times = [randomScalar(curve), randomScalar(curve)]
        const inTurn = await box.multiply([two.key], await box.multiply([one.key], points))
        same(await box.multiply([one.key, two.key], points), inTurn)
        same(
          await box.multiply([one.key, two.key], points, times),
          await engine.multiply(
            inTurn,
            times.map(time => [time]),
          ),
        )
      })

      if (inverts)
        test(`${curve}: back undoes forward`, async ({ box, domain, engine }) => {
          const keys = await domain(curve)
          const points = await engine.multiplyBase([randomScalar(curve), randomScalar(curve)])
          same(await box.multiply([keys.back, keys.forward], points), points)
          same(await box.multiply([keys.back], await box.multiply([keys.forward], points)), points)
        })
    }

    test('1 and 1,000 points, not 0 or 1,001: bad-input', async ({ box, forward }) => {
      const { key, point } = await forward('P-256')
      const answer = await box.multiply([key], [generator('P-256')])
      same(answer, [point])
      const most = new Array<Point>(maxPoints).fill(generator('P-256'))
      same(await box.multiply([key], most), new Array<Point>(maxPoints).fill(point))
      await refused('bad-input', box.multiply([key], []))
      await refused('bad-input', box.multiply([key], [...most, generator('P-256')]))
    })

    test('other curves, other counts of host scalars, no keys: bad-input', async ({ box, forward }) => {
      const [{ key }, other] = [await forward('P-256'), await forward('P-384')]
      const g = generator('P-256')
      await refused('bad-input', box.multiply([key], [g, generator('P-384')]))
      await refused('bad-input', box.multiply([key, other.key], [g]))
      await refused('bad-input', box.multiply([key], [g], []))
      await refused('bad-input', box.multiply([key], [g], [randomScalar('P-384')]))
      await refused('bad-input', box.multiply([], [g]))
    })
  })

  describe('prove', () => {
    if (!proves) {
      test('is not offered', async ({ box }) => assert.equal(box.prove, undefined))
      return
    }
    for (const curve of curves) {
      test(`${curve}: convinces whoever has the public part, and of the truth only`, async parts => {
        const { box, forward, engine } = parts
        assert.ok(box.prove)
        const { key, point } = await forward(curve)
        const blinded = await engine.multiplyBase([randomScalar(curve), randomScalar(curve)])
        const evaluated = await box.multiply([key], blinded)
        const proof = await box.prove(key, blinded, evaluated)
        assert.equal(await verifyProof(engine, point, blinded, evaluated, proof), true)
        const wrong = [evaluated[0]!, blinded[0]!]
        assert.equal(await verifyProof(engine, point, blinded, wrong, await box.prove(key, blinded, wrong)), false)
      })
    }

    test('0 and 1,001 points, unequal numbers: bad-input', async ({ box, forward }) => {
      assert.ok(box.prove)
      const { key } = await forward('P-256')
      const g = generator('P-256')
      const tooMany = new Array<Point>(maxPoints + 1).fill(g)
      await refused('bad-input', box.prove(key, [], []))
      await refused('bad-input', box.prove(key, tooMany, tooMany))
      await refused('bad-input', box.prove(key, [g, g], [g]))
    })
  })
}
