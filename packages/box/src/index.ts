/** Keys that never leave their box: what a box can be asked, and the states that decide what it answers. */

export {
  type Box,
  type BoxHealth,
  type DomainKey,
  type DomainKeyMaker,
  type DomainKeySpec,
  domainKeyRef,
  type KeyDescription,
  type KeyKind,
  type KeyRef,
  type KeySpec,
  type KeyStanding,
  maxPoints,
  type Transition,
  type Verification,
} from './box.ts'
export { BoxError, type BoxErrorCode } from './box-error.ts'
export { type Envelope, parseEnvelope, serializeEnvelope, wrapDataKey } from './envelope.ts'
export type { Grant } from './grant.ts'
export type { SignatureAlgorithm } from './signature.ts'
export type { Instant, KeyState, Limits, Use } from './states.ts'
