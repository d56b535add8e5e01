/**
 * What every use of a key asks first, in this order: is it there, is it for this, does its state allow it now. The secret
 * comes out of here only when all three are answered with yes.
 */
import type { CurveName, Point } from '@littlebox/curve'
import { type KeyDescription, type KeyRef, maxPoints } from '../box.ts'
import { BoxError } from '../box-error.ts'
import { requireAllowed, type Use } from '../states.ts'
import type { KeyPair } from './key-pair.ts'
import { asScalar, type HeldKey, type Keyring } from './keyring.ts'
import type { Secret } from './secret.ts'

export interface UsableKey<Purpose extends KeyDescription['purpose']> {
  readonly description: Extract<KeyDescription, { purpose: Purpose }>
  readonly secret: Secret
}

/** BoxError `no-such-key`. */
export function find(keyring: Keyring, key: KeyRef): HeldKey {
  const held = keyring.get(key)
  if (!held) throw new BoxError('no-such-key', 'this box has no such key')
  return held
}

/** A key in a state for this use. BoxError `no-such-key`, `wrong-purpose`, `wrong-state`. */
export function usable<Purpose extends KeyDescription['purpose']>(
  keyring: Keyring,
  key: KeyRef,
  purpose: Purpose,
  use: Use,
): UsableKey<Purpose> {
  const { description, secret } = find(keyring, key)
  if (!isFor(description, purpose)) throw wrongPurpose(description)
  requireAllowed(description.state, description, use, Date.now())
  if (!secret) throw new BoxError('state-unknown', `${key} should not be without its secret`)
  return { description, secret }
}

/** A multiply key: forward protects, back processes. `only` is for operations that have no other direction. */
export function multiplyPair(keyring: Keyring, key: KeyRef, only?: 'forward'): KeyPair {
  const { description } = find(keyring, key)
  if (!isFor(description, 'multiply') || (only && description.direction !== only)) throw wrongPurpose(description)
  const { secret } = usable(keyring, key, 'multiply', description.direction === 'forward' ? 'protect' : 'process')
  return { scalar: asScalar(secret), point: description.point }
}

/** BoxError `bad-input` unless there are 1 to 1,000 points, all on this curve. */
export function requireBatch(curve: CurveName, points: readonly Point[]): void {
  if (points.length === 0 || points.length > maxPoints)
    throw new BoxError('bad-input', `a batch has 1 to ${maxPoints} points`)
  if (points.some(point => point.curve !== curve))
    throw new BoxError('bad-input', `the key multiplies on ${curve} only`)
}

export function wrongPurpose(description: KeyDescription): BoxError {
  const direction = description.purpose === 'multiply' ? ` ${description.direction}` : ''
  return new BoxError('wrong-purpose', `${description.key} is for ${description.purpose}${direction} only`)
}

function isFor<Purpose extends KeyDescription['purpose']>(
  description: KeyDescription,
  purpose: Purpose,
): description is Extract<KeyDescription, { purpose: Purpose }> {
  return description.purpose === purpose
}
