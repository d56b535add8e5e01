/** Which keys there are, who may make and change them, and what each state allows. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { generator } from '@littlebox/curve'
import type { KeyRef } from '../box.ts'
import type { Grant } from '../grant.ts'
import type { KeyState } from '../states.ts'
import { type Abilities, deriving, paths, refused, type Test, type TestRunner } from './workbench.ts'

export function lifecycle(describe: TestRunner['describe'], test: Test, { inverts }: Abilities): void {
  describe('keys', () => {
    test('an unknown key, for every operation: no-such-key', async ({ box, grant }) => {
      const key: KeyRef = 'nobody@1'
      const g = [generator('P-256')]
      await refused('no-such-key', box.describe(key))
      await refused('no-such-key', box.multiply([key], g))
      await refused('no-such-key', box.sign(key, 'ES256', randomBytes(1)))
      await refused('no-such-key', box.verify(key, 'ES256', randomBytes(1), randomBytes(64)))
      await refused('no-such-key', box.unwrap(key, { algorithm: 'RSA-OAEP-256', encryptedKey: randomBytes(1) }))
      await refused('no-such-key', box.derive(key, 'label', randomBytes(1), 32))
      await refused('no-such-key', box.change(key, { to: 'active' }, grant))
    })

    test('a key of another purpose: wrong-purpose', async ({ box, active, forward }) => {
      const multiplying = (await forward('P-256')).key
      const signing = (await active({ purpose: 'sign', algorithm: 'ES256' })).key
      const g = [generator('P-256')]
      await refused('wrong-purpose', box.multiply([signing], g))
      await refused('wrong-purpose', box.sign(multiplying, 'ES256', randomBytes(1)))
      await refused('wrong-purpose', box.verify(multiplying, 'ES256', randomBytes(1), randomBytes(64)))
      await refused('wrong-purpose', box.unwrap(signing, { algorithm: 'RSA-OAEP-256', encryptedKey: randomBytes(1) }))
      await refused('wrong-purpose', box.derive(multiplying, 'label', randomBytes(1), 32))
    })

    test('making or changing one without a grant: not-granted', async ({ box, active }) => {
      const forged = {} as Grant
      const { key } = await active(deriving)
      await refused('not-granted', box.create({ ...deriving, name: 'forged', version: 1 }, forged))
      await refused('not-granted', box.change(key, { to: 'destroyed' }, forged))
      await refused('no-such-key', box.describe('forged@1'))
    })

    test('a version is made once, names are plain: bad-input', async ({ box, grant, active }) => {
      const { name } = await active(deriving)
      await refused('bad-input', box.create({ ...deriving, name, version: 1 }, grant))
      for (const wrong of ['', 'a@b', ' a', 'a\n'])
        await refused('bad-input', box.create({ ...deriving, name: wrong, version: 1 }, grant))
      for (const version of [0, -1, 1.5]) await refused('bad-input', box.create({ ...deriving, name, version }, grant))
      assert.equal((await box.create({ ...deriving, name, version: 2 }, grant)).key, `${name}@2`)
    })
  })

  describe('states', () => {
    const allowed: Readonly<Record<KeyState, { readonly protect: boolean; readonly process: boolean }>> = {
      'pre-activation': { protect: false, process: false },
      active: { protect: true, process: true },
      suspended: { protect: false, process: false },
      deactivated: { protect: false, process: true },
      compromised: { protect: false, process: false },
      destroyed: { protect: false, process: false },
    }
    const followers: Readonly<Record<KeyState, readonly KeyState[]>> = {
      'pre-activation': ['active', 'destroyed', 'compromised'],
      active: ['suspended', 'deactivated', 'compromised'],
      suspended: ['active', 'deactivated', 'compromised', 'destroyed'],
      deactivated: ['compromised', 'destroyed'],
      compromised: ['destroyed'],
      destroyed: [],
    }
    for (const state of Object.keys(allowed) as KeyState[]) {
      test(`${state}: what it allows`, async ({ box, inState }) => {
        const { protect, process } = allowed[state]
        const signing = await inState(state, { purpose: 'sign', algorithm: 'ES256' })
        const derivation = await inState(state, deriving)
        const signs = box.sign(signing.key, 'ES256', randomBytes(1))
        const derives = box.derive(derivation.key, 'label', randomBytes(1), 32)
        if (protect) await signs
        else await refused('wrong-state', signs)
        if (process) await derives
        else await refused('wrong-state', derives)
        const verification = await box.verify(signing.key, 'ES256', randomBytes(1), randomBytes(64))
        assert.deepEqual(verification, { valid: false, state })
        assert.equal((await box.describe(signing.key)).state, state)
      })

      test(`${state}: what it may become`, async ({ box, grant, inState }) => {
        const become = async (to: KeyState) => {
          if (to === 'pre-activation') return
          const { key } = await inState(state, deriving)
          const change = box.change(key, { to }, grant)
          if (followers[state].includes(to)) assert.equal((await change).state, to)
          else await refused('wrong-state', change)
        }
        await Promise.all((Object.keys(paths) as KeyState[]).map(become))
      })
    }

    if (inverts)
      test('forward protects and back processes', async ({ box, grant, domain }) => {
        const keys = await domain('P-256')
        const g = [generator('P-256')]
        await box.change(keys.forward, { to: 'deactivated' }, grant)
        await box.change(keys.back, { to: 'deactivated' }, grant)
        await refused('wrong-state', box.multiply([keys.forward], g))
        assert.equal((await box.multiply([keys.back], g)).length, 1)
        await refused('wrong-state', box.multiply([keys.back, keys.forward], g))
      })

    test('suspended processes where that was said at creation', async ({ box, inState }) => {
      const { key } = await inState('suspended', { ...deriving, processWhileSuspended: true })
      assert.equal((await box.derive(key, 'label', randomBytes(1), 32)).length, 32)
    })

    test('deactivated processes until processUntil', async ({ box, inState }) => {
      const past = await inState('deactivated', { ...deriving, processUntil: Date.now() - 1 })
      await refused('wrong-state', box.derive(past.key, 'label', randomBytes(1), 32))
      const future = await inState('deactivated', { ...deriving, processUntil: Date.now() + 3_600_000 })
      assert.equal((await box.derive(future.key, 'label', randomBytes(1), 32)).length, 32)
    })

    test('not destroyed before destroyAfter', async ({ box, grant, inState }) => {
      const { key } = await inState('deactivated', { ...deriving, destroyAfter: Date.now() + 3_600_000 })
      await refused('wrong-state', box.change(key, { to: 'destroyed' }, grant))
    })

    test('destroyed keeps its description, and whether it was compromised', async ({ box, grant, inState }) => {
      const { key, id } = await inState('compromised', { purpose: 'multiply', algorithm: 'P-256' })
      const destroyed = await box.change(key, { to: 'destroyed' }, grant)
      assert.equal(destroyed.wasCompromised, true)
      assert.equal((await box.describe(key)).id, id)
    })
  })
}
