/**
 * The states of a key and what each allows, after NIST SP 800-57 part 1 §7. *Protect*: sign, multiply forward, prove.
 * *Process*: multiply back, unwrap, derive (what it derives must still open old data). Verifying with the public part
 * is always allowed, and says the state.
 */
import { BoxError } from './box-error.ts'

export type KeyState = 'pre-activation' | 'active' | 'suspended' | 'deactivated' | 'compromised' | 'destroyed'

export type Use = 'protect' | 'process'

/** Milliseconds since 1970-01-01T00:00Z. */
export type Instant = number

/** Fixed when the key is made. */
export interface Limits {
  /** May a suspended key still process? */
  readonly processWhileSuspended: boolean
  /** After this instant a deactivated key no longer processes. */
  readonly processUntil?: Instant
  /** Before this instant the key can't be destroyed. */
  readonly destroyAfter?: Instant
}

const followers: Readonly<Record<KeyState, readonly KeyState[]>> = {
  'pre-activation': ['active', 'destroyed', 'compromised'],
  active: ['suspended', 'deactivated', 'compromised'],
  suspended: ['active', 'deactivated', 'compromised', 'destroyed'],
  deactivated: ['compromised', 'destroyed'],
  compromised: ['destroyed'],
  destroyed: [],
}

/** BoxError `wrong-state` when a key in this state may not be used so. */
export function requireAllowed(state: KeyState, limits: Limits, use: Use, now: Instant): void {
  if (!allows(state, limits, use, now)) throw new BoxError('wrong-state', `a key that is ${state} may not ${use}`)
}

/** BoxError `wrong-state` when a key in this state may not become `next`. */
export function requireTransition(state: KeyState, limits: Limits, next: KeyState, now: Instant): void {
  if (!followers[state].includes(next))
    throw new BoxError('wrong-state', `a key that is ${state} may not become ${next}`)
  if (next === 'destroyed' && limits.destroyAfter !== undefined && now < limits.destroyAfter)
    throw new BoxError('wrong-state', `not to be destroyed before ${new Date(limits.destroyAfter).toISOString()}`)
}

/** A compromised key processes only under a grant of its own kind, which comes with approvals: until then, never. */
function allows(state: KeyState, limits: Limits, use: Use, now: Instant): boolean {
  switch (state) {
    case 'active':
      return true
    case 'suspended':
      return use === 'process' && limits.processWhileSuspended
    case 'deactivated':
      return use === 'process' && (limits.processUntil === undefined || now < limits.processUntil)
    default:
      return false
  }
}
