/**
 * The keys of an open box: for each its description, which anyone may see, and its secret, which stays in this driver's
 * closures. Every secret is tested against its public part before the first use: a key that fails makes the whole file
 * `state-unknown`.
 */
import { createPublicKey, KeyObject, randomBytes, timingSafeEqual } from 'node:crypto'
import {
  CurveError,
  type Engine,
  generator,
  type Point,
  parsePoint,
  randomScalar,
  type Scalar,
  samePoint,
} from '@littlebox/curve'
import { domainKeyRef, type KeyDescription, type KeyRef } from '../box.ts'
import { BoxError } from '../box-error.ts'
import { openEnvelope, wrapDataKey } from '../envelope.ts'
import { signMessage, verifyMessage } from '../signature.ts'
import { type Contents, type FileKey, type KeyRecord, openPrivate } from './format.ts'
import type { Multiplier } from './multiplier.ts'
import { type Secret, secretFromBytes } from './secret.ts'

export interface HeldKey {
  readonly description: KeyDescription
  /** Gone once the key is destroyed. */
  readonly secret?: Secret
}

export type Keyring = ReadonlyMap<KeyRef, HeldKey>

/** Opens all keys and tests those that `before` did not hold. BoxError `state-unknown`. */
export async function loadKeyring(
  file: FileKey,
  contents: Contents,
  before: Keyring | undefined,
  multiplier: Multiplier,
  engine: Engine,
): Promise<Keyring> {
  const keyring = new Map<KeyRef, HeldKey>()
  for (const record of contents.keys) {
    const description = describe(record)
    const known = before?.get(description.key)
    const secret = known?.description.id === record.id ? known.secret : openSecret(file, record)
    keyring.set(description.key, record.sealed === undefined || !secret ? { description } : { description, secret })
  }
  for (const [key, held] of keyring) {
    if (before?.get(key)?.description.id !== held.description.id) await selfTest(held, keyring, multiplier, engine)
  }
  return keyring
}

function openSecret(file: FileKey, record: KeyRecord): Secret | undefined {
  if (record.sealed === undefined) return undefined
  const bytes = openPrivate(file, record, record.sealed)
  try {
    return secretFromBytes(record.kind, bytes)
  } finally {
    bytes.fill(0)
  }
}

function describe(record: KeyRecord): KeyDescription {
  const { id, name, version, kind, limits, created, state, since, wasCompromised } = record
  const key: KeyRef = `${name}@${version}`
  const standing = { key, name, version, id, created, state, since, wasCompromised, ...limits }
  const publicPart = Buffer.from(record.publicPart ?? '', 'base64')
  switch (kind.purpose) {
    case 'multiply':
      return Object.freeze({ ...standing, ...kind, point: readPoint(key, kind.algorithm, publicPart) })
    case 'derive':
      return Object.freeze({ ...standing, ...kind })
    default:
      return Object.freeze({ ...standing, ...kind, spki: Uint8Array.from(publicPart) })
  }
}

function readPoint(key: KeyRef, ...[name, bytes]: Parameters<typeof parsePoint>): Point {
  try {
    return parsePoint(name, bytes)
  } catch (cause) {
    if (cause instanceof CurveError) throw new BoxError('state-unknown', `${key} has no public part`, cause)
    throw cause
  }
}

async function selfTest(held: HeldKey, keyring: Keyring, multiplier: Multiplier, engine: Engine): Promise<void> {
  if (held.secret === undefined) return
  if (!(await answersRightly(held.description, held.secret, keyring, multiplier, engine)))
    throw new BoxError('state-unknown', `${held.description.key} fails its self-test`)
}

/** multiply: box(sG) = sK for a random s, and back(K) = G; sign and unwrap: what the public part says. */
async function answersRightly(
  description: KeyDescription,
  secret: Secret,
  keyring: Keyring,
  multiplier: Multiplier,
  engine: Engine,
): Promise<boolean> {
  switch (description.purpose) {
    case 'multiply': {
      const { algorithm, point, direction, name, version } = description
      const pair = { scalar: asScalar(secret), point }
      const s = randomScalar(algorithm)
      const [probe, expected] = await engine.multiply([generator(algorithm), point], [[s], [s]])
      const [answer] = await multiplier.multiply([pair], [probe!])
      if (!samePoint(answer!, expected!)) return false
      const domain = /^domain\/(.+)\/back$/.exec(name)?.[1]
      if (direction === 'forward' || domain === undefined) return true
      const forward = keyring.get(domainKeyRef(domain, 'forward', version))?.description
      if (forward?.purpose !== 'multiply') return false
      const [g] = await multiplier.multiply([pair], [forward.point])
      return samePoint(g!, generator(algorithm))
    }
    case 'sign': {
      const probe = randomBytes(32)
      const publicKey = createPublicKey({ key: Buffer.from(description.spki), format: 'der', type: 'spki' })
      const signature = signMessage(asKeyObject(secret), description.algorithm, probe)
      return verifyMessage(publicKey, description.algorithm, probe, signature)
    }
    case 'unwrap': {
      const probe = randomBytes(32)
      return timingSafeEqual(openEnvelope(asKeyObject(secret), wrapDataKey(description, probe)), probe)
    }
    case 'derive':
      return asKeyObject(secret).type === 'secret' // nothing public to test against; the seal has vouched for it
  }
}

/** The secret of a key that is not for `multiply`. */
export function asKeyObject(secret: Secret): KeyObject {
  if (secret instanceof KeyObject) return secret
  throw new BoxError('state-unknown', 'a scalar stands where a key of another purpose belongs')
}

/** The secret of a key that is for `multiply`. */
export function asScalar(secret: Secret): Scalar {
  if (!(secret instanceof KeyObject)) return secret
  throw new BoxError('state-unknown', 'a key of another purpose stands where a scalar belongs')
}
