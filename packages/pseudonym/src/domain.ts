/**
 * The domain document (pseudonyms.md §5), parsed. A `Domain` was read by this parser and holds what the protocol needs;
 * unknown members are left out, a missing or misshapen one is an error. Documents without the member `littlebox` are
 * eHealth's own: reversible, bytes, with a way back.
 */

import { type CurveName, curveNames, maxValueLength, type Point, parsePoint } from '@littlebox/curve'
import { fromBase64 } from '#base64'
import { attempt, PseudonymError, succeeded } from './pseudonym-error.ts'
import type { Seconds } from './transit.ts'
import { type ValueFormat, valueFormats } from './value-format.ts'

declare const checked: unique symbol

export type Encoding = 'reversible' | 'hashed'

/** A transit key as the document has it: sealed to the owner's and the service's RSA keys. */
export interface SealedSecretKey {
  readonly kid: string
  readonly active: boolean
  readonly encoded: GeneralJwe
}

/** JWE JSON General (RFC 7516 §7.2.1), as far as transit keys use it. */
export interface GeneralJwe {
  readonly protected: string
  readonly iv: string
  readonly ciphertext: string
  readonly tag: string
  readonly recipients: readonly JweRecipient[]
}

interface JweRecipient {
  readonly header: { readonly alg: string; readonly jku?: string; readonly kid: string }
  readonly encrypted_key: string
}

export interface Domain {
  readonly name: string
  readonly description: string
  readonly curve: CurveName
  /** `aud` of the domain's tokens. */
  readonly audience: string
  /** Bytes kept free for the counter of the reversible encoding. */
  readonly bufferSize: number
  readonly timeToLiveInTransit: Seconds
  readonly encoding: Encoding
  readonly valueFormat: ValueFormat
  /** Whether anything may be identified in it or converted from it. */
  readonly back: boolean
  /** Whether callers may have RFC 9497 outputs. */
  readonly evaluate: boolean
  /** K_D = k_D·G where the domain evaluates verifiably: VOPRF proofs are checked against it. */
  readonly publicKey?: Point
  /** Empty for all callers but the owner's. */
  readonly secretKeys: readonly SealedSecretKey[]
  readonly [checked]: true
}

/** The document on the wire, as the service writes it. */
export interface DomainDocument {
  readonly domain: string
  readonly desc: string
  readonly crv: CurveName
  readonly audience: string
  readonly bufferSize: number
  /** ISO 8601, such as PT10M. */
  readonly timeToLiveInTransit: string
  readonly jku: readonly string[]
  readonly secretKeys: readonly SealedSecretKey[]
  readonly accessRule?: unknown
  readonly littlebox?: {
    readonly encoding: Encoding
    readonly valueFormat: ValueFormat
    readonly back: boolean
    readonly evaluate: boolean
    /** Compressed SEC 1, base64url; there where `evaluate` is verifiable. */
    readonly publicKey?: string
  }
}

/** Names that may stand in a path without escaping. */
export const domainNamePattern: RegExp = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/

/** The checked domain of a document that came as JSON. PseudonymError `invalid-domain` naming the member. */
export function parseDomain(document: unknown): Domain {
  const members = object(document, 'document')
  const crv = oneOf(members.crv, curveNames, 'crv')
  const bufferSize = integer(members.bufferSize, 'bufferSize')
  if (bufferSize < 1 || maxValueLength(crv, bufferSize) < 1) throw invalid('bufferSize')
  const name = text(members.domain, 'domain')
  if (!domainNamePattern.test(name)) throw invalid('domain')
  const ours = members.littlebox === undefined ? ehealth : object(members.littlebox, 'littlebox')
  return {
    name,
    description: members.desc === undefined ? '' : text(members.desc, 'desc'),
    curve: crv,
    audience: text(members.audience, 'audience'),
    bufferSize,
    timeToLiveInTransit: parseDuration(text(members.timeToLiveInTransit, 'timeToLiveInTransit')),
    encoding: oneOf(ours.encoding, ['reversible', 'hashed'] as const, 'littlebox.encoding'),
    valueFormat: oneOf(ours.valueFormat, valueFormats, 'littlebox.valueFormat'),
    back: truth(ours.back, 'littlebox.back'),
    evaluate: truth(ours.evaluate, 'littlebox.evaluate'),
    ...(ours.publicKey === undefined ? {} : { publicKey: parsePublicKey(crv, ours.publicKey) }),
    secretKeys: list(members.secretKeys, 'secretKeys').map(parseSecretKey),
  } as const satisfies Omit<Domain, typeof checked> as unknown as Domain
}

/** Seconds of an ISO 8601 duration of days, hours, minutes and whole seconds. PseudonymError `invalid-domain`. */
export function parseDuration(duration: string): Seconds {
  const match = /^P(?=[\dT])(?:(\d{1,3})D)?(?:T(?=\d)(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,6})S)?)?$/.exec(duration)
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = match?.slice(1).map(part => Number(part ?? 0)) ?? []
  const total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
  if (total === 0) throw invalid('timeToLiveInTransit')
  return total
}

const ehealth: Record<string, unknown> = { encoding: 'reversible', valueFormat: 'bytes', back: true, evaluate: false }

function parsePublicKey(name: CurveName, value: unknown): Point {
  const bytes = fromBase64(text(value, 'littlebox.publicKey'))
  const point = bytes && attempt(() => parsePoint(name, bytes))
  if (!point || !succeeded(point)) throw invalid('littlebox.publicKey')
  return point
}

function parseSecretKey(value: unknown): SealedSecretKey {
  const members = object(value, 'secretKeys')
  const encoded = object(members.encoded, 'secretKeys.encoded')
  const aad = encoded.aad
  if (aad !== undefined && aad !== '') throw invalid('secretKeys.encoded.aad')
  return {
    kid: text(members.kid, 'secretKeys.kid'),
    active: truth(members.active, 'secretKeys.active'),
    encoded: {
      protected: text(encoded.protected, 'secretKeys.encoded.protected'),
      iv: text(encoded.iv, 'secretKeys.encoded.iv'),
      ciphertext: text(encoded.ciphertext, 'secretKeys.encoded.ciphertext'),
      tag: text(encoded.tag, 'secretKeys.encoded.tag'),
      recipients: list(encoded.recipients, 'secretKeys.encoded.recipients').map(parseRecipient),
    },
  }
}

function parseRecipient(value: unknown): JweRecipient {
  const members = object(value, 'recipients')
  const header = object(members.header, 'recipients.header')
  const jku = header.jku === undefined ? {} : { jku: text(header.jku, 'recipients.header.jku') }
  return {
    header: { alg: text(header.alg, 'recipients.header.alg'), ...jku, kid: text(header.kid, 'recipients.header.kid') },
    encrypted_key: text(members.encrypted_key, 'recipients.encrypted_key'),
  }
}

function object(value: unknown, member: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(member)
  return value as Record<string, unknown>
}

function list(value: unknown, member: string): unknown[] {
  if (!Array.isArray(value) || value.length > 1000) throw invalid(member)
  return value
}

function text(value: unknown, member: string): string {
  if (typeof value !== 'string') throw invalid(member)
  return value
}

function integer(value: unknown, member: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw invalid(member)
  return value
}

function truth(value: unknown, member: string): boolean {
  if (typeof value !== 'boolean') throw invalid(member)
  return value
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[], member: string): T {
  const found = allowed.find(one => one === value)
  if (found === undefined) throw invalid(member)
  return found
}

function invalid(member: string): PseudonymError {
  return new PseudonymError('invalid-domain', `the domain document does not fit: ${member}`)
}
