/** Records of the box file: how a new key becomes one, and what a change of state makes of it. */
import { randomBytes } from 'node:crypto'
import type { KeyKind, KeySpec, Transition } from '../box.ts'
import { BoxError } from '../box-error.ts'
import type { Limits } from '../states.ts'
import { type FileKey, type KeyRecord, sealPrivate } from './format.ts'
import type { Multiplier } from './multiplier.ts'
import { publicPartOf, type Secret, secretToBytes } from './secret.ts'

export interface NewKey {
  readonly name: string
  readonly version: number
  readonly kind: KeyKind
  readonly limits: Limits
  readonly secret: Secret
}

/** BoxError `bad-input` unless name and version can stand in a KeyRef. */
export function requireName(name: string, version: number): void {
  if (!/^[a-z0-9][a-z0-9_.~/-]{0,199}$/i.test(name) || !Number.isSafeInteger(version) || version < 1)
    throw new BoxError('bad-input', 'a key has a name of letters, digits and _.~/- and a version from 1')
}

/** The record of a new key in `pre-activation`, its secret sealed. */
export async function newRecord(fileKey: FileKey, key: NewKey, multiplier: Multiplier): Promise<KeyRecord> {
  const { secret, ...rest } = key
  const publicPart = await publicPartOf(secret, multiplier)
  const now = Date.now()
  const open = {
    id: randomBytes(16).toString('hex'),
    ...rest,
    created: now,
    state: 'pre-activation' as const,
    since: now,
    wasCompromised: false,
    ...(publicPart && { publicPart: Buffer.from(publicPart).toString('base64') }),
  }
  const bytes = secretToBytes(secret)
  try {
    return { ...open, sealed: sealPrivate(fileKey, open, bytes) }
  } finally {
    bytes.fill(0)
  }
}

/** The record in its new state; destroyed, it has no secret any more. */
export function changedRecord(record: KeyRecord, to: Transition['to']): KeyRecord {
  const { sealed, ...open } = record
  const next = { ...open, state: to, since: Date.now(), wasCompromised: record.wasCompromised || to === 'compromised' }
  return to === 'destroyed' || sealed === undefined ? next : { ...next, sealed }
}

/** What of a specification says the kind; a key made from one multiplies forward. */
export function kindOf(spec: KeySpec): KeyKind {
  return spec.purpose === 'multiply'
    ? { purpose: spec.purpose, algorithm: spec.algorithm, direction: 'forward' }
    : ({ purpose: spec.purpose, algorithm: spec.algorithm } as KeyKind)
}

export function limitsOf({ processWhileSuspended = false, processUntil, destroyAfter }: Partial<Limits>): Limits {
  return {
    processWhileSuspended,
    ...(processUntil !== undefined && { processUntil }),
    ...(destroyAfter !== undefined && { destroyAfter }),
  }
}
