/**
 * What entitles to make or change a key. The verifier of approvals, m of n people, will make grants; until it does, only
 * an evaluation can, with the symbol that says so. A grant is known by identity: no JSON and no cast makes one.
 */
import { BoxError } from './box-error.ts'

declare const counted: unique symbol

export interface Grant {
  readonly [counted]: true
}

/** Passed by wiring that keeps keys in a file: such keys are as safe as the file, its passphrase and the process. */
export const evaluationOnly: unique symbol = Symbol('evaluationOnly')

/** A grant that nobody approved, for evaluation. BoxError `not-granted` without the symbol. */
export function evaluationGrant(acknowledged: typeof evaluationOnly): Grant {
  requireEvaluation(acknowledged)
  const grant = Object.freeze({}) as Grant
  grants.add(grant)
  return grant
}

/** BoxError `not-granted` unless one of the makers above made this very grant. */
export function requireGrant(grant: Grant): void {
  if (!grants.has(grant)) throw new BoxError('not-granted', 'making or changing a key needs a grant')
}

/** BoxError `not-granted` without the symbol. */
export function requireEvaluation(acknowledged: typeof evaluationOnly): void {
  if (acknowledged !== evaluationOnly)
    throw new BoxError('not-granted', 'keys in a file are for evaluation: the wiring has to pass `evaluationOnly`')
}

const grants = new WeakSet<Grant>()
