/**
 * Transit keys (pseudonyms.md §4, §5): AES-256 keys under which the service seals r for the domain's owner. The owner gets
 * them in the domain document under its RSA keys; the service's own copy is a database column under a key of its box, so
 * that any replica can serve any domain. Which key is active, and which still open, follows from the times alone: no
 * replica has to be told. The service can open any token it gets hold of; it is sent none but with a blinded point.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import {
  type Box,
  type KeyDescription,
  type KeyRef,
  parseEnvelope,
  serializeEnvelope,
  wrapDataKey,
} from '@littlebox/box'
import { clockSkew, type GeneralJwe, type SecretKeyRecipient, sealSecretKey } from '@littlebox/pseudonym'

/** Where the service's own copies are wrapped. */
export const transitWrapping: KeyRef = 'pseudonyms/transit-wrapping@1'

export interface TransitKeyRecord {
  readonly kid: string
  readonly createdAt: Date
  /** From then on tokens are made with it, until its successor's time. */
  readonly activeFrom: Date
  /** Made with it so far, all replicas together, late by what they have not reported yet. */
  readonly tokens: number
  readonly wrapped: Uint8Array
  readonly encoded: GeneralJwe
}

export interface Rotation {
  /** Days from one key to the next: at most 30 (§4). */
  readonly everyDays: number
  /** Hours that owners see a key before it is used: more than the 6 after which they refresh. */
  readonly announceHours: number
}

/**
 * A successor is made at half of the 2³² tokens that random nonces allow (§4). Only the service's are counted: what owners
 * seal by themselves never comes here. The other half is left to them, 887 tokens a second for 28 days.
 */
export const rotateAtTokens: number = 2 ** 31

/** No token is made here beyond this: what replicas have not reported yet fits into the rest. */
export const tokenLimit: number = 2 ** 32 - 2 ** 28

/** The key to seal with; undefined when none has begun. Oldest first in, and so in all functions below. */
export function activeKey(keys: readonly TransitKeyRecord[], now: number): TransitKeyRecord | undefined {
  return keys.findLast(key => key.activeFrom.getTime() <= now)
}

/** What decides how long a domain's transit keys open. */
export interface KeyHolder {
  readonly transitKeys: readonly TransitKeyRecord[]
  /** Seconds. */
  readonly ttl: number
  readonly retiredAt: Date | undefined
}

/**
 * ms since 1970 after which no token of this key is in time; undefined while neither a successor nor the domain's
 * retirement has ended its use. An owner who read the document just before goes on sealing with it until the next look.
 */
export function retirement({ transitKeys, ttl, retiredAt }: KeyHolder, key: TransitKeyRecord): number | undefined {
  const successor = transitKeys[transitKeys.indexOf(key) + 1]
  const ends = [successor?.activeFrom, retiredAt].filter(end => end !== undefined)
  if (ends.length === 0) return undefined
  return Math.min(...ends.map(end => end.getTime())) + ownersLook + (ttl + 2 * clockSkew) * 1000
}

/** When the next key should be made and take over; undefined while it is not time. */
export function successorDue(keys: readonly TransitKeyRecord[], rotation: Rotation, now: number): Date | undefined {
  const newest = keys.at(-1)
  if (!newest) return new Date(now)
  if (newest.tokens >= rotateAtTokens) return new Date(now)
  const takesOver = newest.activeFrom.getTime() + rotation.everyDays * day
  const announced = takesOver - rotation.announceHours * hour
  return now >= announced ? new Date(Math.max(takesOver, now)) : undefined
}

/** A new key, sealed to the owner and wrapped under the box's key. */
export async function makeTransitKey(
  wrapping: KeyDescription,
  domain: string,
  recipients: readonly SecretKeyRecipient[],
  createdAt: Date,
  activeFrom: Date,
): Promise<TransitKeyRecord> {
  const kid = randomUUID()
  const secret = Uint8Array.from(randomBytes(32))
  const wrapped = serializeEnvelope(wrapDataKey(wrapping, secret, contextOf(domain, kid)))
  const { encoded } = await sealSecretKey({ kid, secret }, true, recipients)
  secret.fill(0)
  return { kid, createdAt, activeFrom, tokens: 0, wrapped, encoded }
}

/** 32 bytes. BoxError `bad-input` also when the envelope was moved from another domain or key id. */
export function openTransitKey(box: Box, domain: string, key: TransitKeyRecord): Promise<Uint8Array> {
  return box.unwrap(transitWrapping, parseEnvelope(key.wrapped, contextOf(domain, key.kid)))
}

const hour = 3_600_000
const day = 24 * hour

/** Owners read the domain document at least as often (§5). */
const ownersLook = 6 * hour

function contextOf(domain: string, kid: string): Uint8Array {
  return Uint8Array.from(Buffer.from(`littlebox transit key\0${domain}\0${kid}`))
}
