/** What `sign`, `verify`, `unwrap` and `derive` have to answer. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { wrapDataKey } from '../envelope.ts'
import type { SignatureAlgorithm } from '../signature.ts'
import { deriving, refused, type Test, type TestRunner } from './workbench.ts'

export function otherPurposes(describe: TestRunner['describe'], test: Test): void {
  describe('sign and verify', () => {
    const lengths: Readonly<Record<SignatureAlgorithm, number>> = { ES256: 64, ES384: 96, ES512: 132, EdDSA: 64 }
    for (const algorithm of Object.keys(lengths) as SignatureAlgorithm[]) {
      test(`${algorithm}: signs, raw, what verifies`, async ({ box, active }) => {
        const { key } = await active({ purpose: 'sign', algorithm })
        const message = randomBytes(100)
        const signature = await box.sign(key, algorithm, message)
        assert.equal(signature.length, lengths[algorithm])
        assert.deepEqual(await box.verify(key, algorithm, message, signature), { valid: true, state: 'active' })
        const changed = signature.slice()
        changed[10]! ^= 1
        assert.equal((await box.verify(key, algorithm, message, changed)).valid, false)
        assert.equal((await box.verify(key, algorithm, message.subarray(1), signature)).valid, false)
        assert.equal((await box.verify(key, algorithm, message, signature.subarray(1))).valid, false)
      })
    }

    test('an algorithm that does not fit the key: bad-input', async ({ box, active }) => {
      const { key } = await active({ purpose: 'sign', algorithm: 'ES256' })
      await refused('bad-input', box.sign(key, 'ES384', randomBytes(8)))
      await refused('bad-input', box.verify(key, 'EdDSA', randomBytes(8), randomBytes(64)))
    })
  })

  describe('unwrap', () => {
    for (const algorithm of ['ECDH-ES+A256KW', 'RSA-OAEP-256'] as const) {
      test(`${algorithm}: opens what was wrapped for it, nothing else`, async ({ box, active }) => {
        const [mine, other] = [
          await active({ purpose: 'unwrap', algorithm }),
          await active({ purpose: 'unwrap', algorithm }),
        ]
        const dataKey = randomBytes(32)
        const envelope = wrapDataKey(mine, dataKey)
        assert.deepEqual(await box.unwrap(mine.key, envelope), Uint8Array.from(dataKey))
        const tampered = {
          ...envelope,
          encryptedKey: envelope.encryptedKey.map((byte, i) => (i === 3 ? byte ^ 1 : byte)),
        }
        await refused('bad-input', box.unwrap(mine.key, tampered))
        await refused('bad-input', box.unwrap(other.key, envelope))
        await refused('bad-input', box.unwrap(mine.key, { ...envelope, encryptedKey: new Uint8Array() }))
      })
    }

    test('an envelope of another context, or of another algorithm: bad-input', async ({ box, active }) => {
      const mine = await active({ purpose: 'unwrap', algorithm: 'ECDH-ES+A256KW' })
      const envelope = wrapDataKey(mine, randomBytes(32), Buffer.from('prescriptions_v1'))
      assert.ok(envelope.algorithm === 'ECDH-ES+A256KW')
      await refused('bad-input', box.unwrap(mine.key, { ...envelope, apv: Buffer.from('vaccines_v1') }))
      await refused('bad-input', box.unwrap(mine.key, { algorithm: 'RSA-OAEP-256', encryptedKey: randomBytes(384) }))
    })
  })

  describe('derive', () => {
    test('gives the same bytes again, others for another label, context, length or key', async ({ box, active }) => {
      const [mine, other] = [await active(deriving), await active(deriving)]
      const context = Buffer.from('context')
      const answers = [
        await box.derive(mine.key, 'label', context, 64),
        await box.derive(mine.key, 'Label', context, 64),
        await box.derive(mine.key, 'label', Buffer.from('Context'), 64),
        (await box.derive(mine.key, 'label', context, 65)).subarray(0, 64),
        await box.derive(other.key, 'label', context, 64),
      ].map(bytes => Buffer.from(bytes).toString('hex'))
      assert.equal(new Set(answers).size, answers.length)
      const again = await box.derive(mine.key, 'label', context, 64)
      assert.equal(Buffer.from(again).toString('hex'), answers[0])
    })

    test('0 or 1,025 bytes, an empty label or one with NUL: bad-input', async ({ box, active }) => {
      const { key } = await active(deriving)
      const context = new Uint8Array()
      await refused('bad-input', box.derive(key, 'label', context, 0))
      await refused('bad-input', box.derive(key, 'label', context, 1025))
      await refused('bad-input', box.derive(key, '', context, 32))
      await refused('bad-input', box.derive(key, 'la\0bel', context, 32))
    })
  })
}
