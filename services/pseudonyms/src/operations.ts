/**
 * The blind operations on points that were checked (pseudonyms.md §3): what each multiplies by, and what it seals. Every
 * item costs one multiplication: the transit scalars go to the box with the batch, which folds them into its key. Made
 * here and kept nowhere: r, uniform, once for each item. Whoever sees a point here sees it blinded.
 */
import { randomUUID } from 'node:crypto'
import { type Box, BoxError, type KeyDescription, type KeyRef } from '@littlebox/box'
import type { CurveName, Engine, Point, Scalar } from '@littlebox/curve'
import { coordinates, type Output, sealTransit, type TransitKey } from '@littlebox/pseudonym'
import type { Domain } from './directory.ts'
import { draughts } from './random.ts'
import type { TransitScalars } from './transit-scalars.ts'

/** An item that may be multiplied: its point is on the curve, its transit information was opened. */
export interface Accepted {
  readonly id: string
  readonly point: Point
  /** r of a pseudonym in transit; undefined for a value, and for a pseudonym at rest. */
  readonly scalar: Scalar | undefined
  /** `sub` of the transit information: what a conversion makes is for the same subject. */
  readonly subject: string | undefined
}

export interface Multiplier {
  readonly box: Pick<Box, 'multiply'>
  readonly engine: Pick<Engine, 'product'>
  /** New pairs of r and r⁻¹. */
  readonly transitScalars: (name: CurveName, count: number) => TransitScalars
}

/** One operation of a request, its access granted. */
export type Operation =
  | { readonly kind: 'pseudonymize'; readonly domain: Domain }
  | { readonly kind: 'identify'; readonly domain: Domain }
  | { readonly kind: 'convert'; readonly domain: Domain; readonly to: Domain }

type Of<Kind extends Operation['kind']> = Extract<Operation, { readonly kind: Kind }>

/** The chain of keys that an operation multiplies by. */
export function keysOf(operation: Operation): readonly KeyRef[] {
  switch (operation.kind) {
    case 'pseudonymize':
      return [operation.domain.forward]
    case 'identify':
      return [operation.domain.back!]
    case 'convert':
      return [operation.domain.back!, operation.to.forward]
  }
}

/**
 * What can be known before anything is charged: the box is there and none of the keys is in a state in which it never
 * multiplies. The box itself decides when it is asked to. BoxError `box-away`, `no-such-key`, `wrong-state`.
 */
export async function requireUsable(box: Pick<Box, 'health' | 'describe'>, keys: readonly KeyRef[]): Promise<void> {
  const { status } = await box.health()
  if (status !== 'ready') throw new BoxError(status, 'the box is not ready')
  for (const key of keys) {
    const description = await box.describe(key)
    if (!mayMultiply(description))
      throw new BoxError('wrong-state', `a key that is ${description.state} does not multiply`)
  }
}

/** A back key that is suspended or deactivated may go on, within limits of its own. */
function mayMultiply(key: KeyDescription): boolean {
  if (key.purpose !== 'multiply') return false
  if (key.direction === 'forward') return key.state === 'active'
  return key.state === 'active' || key.state === 'suspended' || key.state === 'deactivated'
}

/** The outputs in the order of the items, of which there is at least one. `now` is in ms since 1970. */
export function perform(by: Multiplier, operation: Operation, items: readonly Accepted[], now: number) {
  switch (operation.kind) {
    case 'pseudonymize':
      return pseudonymise(by, operation, items, now)
    case 'identify':
      return identify(by, operation, items, now)
    case 'convert':
      return convert(by, operation, items, now)
  }
}

/** (k_D r⁻¹) B, with r sealed for the owner. */
async function pseudonymise(
  { box, transitScalars }: Multiplier,
  operation: Of<'pseudonymize'>,
  items: readonly Accepted[],
  now: number,
) {
  const { domain } = operation
  const key = domain.sealingKey(now, items.length)
  const { scalars, inverses } = transitScalars(domain.curve, items.length)
  const points = await box.multiply(keysOf(operation), pointsOf(items), inverses)
  return inTransit(domain, key, items, points, scalars, now)
}

/** (r k_D⁻¹) B. */
async function identify({ box }: Multiplier, operation: Of<'identify'>, items: readonly Accepted[], now: number) {
  const { domain } = operation
  const scalars = items.map(item => item.scalar!)
  const points = await box.multiply(keysOf(operation), pointsOf(items), scalars)
  const { iat, exp } = times(domain, now)
  return points.map((point, i) => outputOf(domain, items[i]!, point, iat, exp))
}

/** (r₀ k_from⁻¹ k_to r₁⁻¹) B, with r₁ sealed for the owner of `to`; r₀ = 1 at rest. */
async function convert(
  { box, engine, transitScalars }: Multiplier,
  operation: Of<'convert'>,
  items: readonly Accepted[],
  now: number,
) {
  const { to } = operation
  const key = to.sealingKey(now, items.length)
  const { scalars, inverses } = transitScalars(to.curve, items.length)
  const factors = items.map(({ scalar }, i) => (scalar ? engine.product(scalar, inverses[i]!) : inverses[i]!))
  const points = await box.multiply(keysOf(operation), pointsOf(items), factors)
  return inTransit(to, key, items, points, scalars, now)
}

const random = draughts()

function inTransit(
  domain: Domain,
  key: TransitKey,
  items: readonly Accepted[],
  points: readonly Point[],
  scalars: readonly Scalar[],
  now: number,
): Output[] {
  const { iat, exp } = times(domain, now)
  return points.map((point, i) => {
    const { subject } = items[i]!
    const transit = { scalar: scalars[i]!, audience: domain.audience, issuedAt: iat, expiresAt: exp }
    const transitInfo = sealTransit(key, subject === undefined ? transit : { ...transit, subject }, random)
    return { ...outputOf(domain, items[i]!, point, iat, exp), transitInfo }
  })
}

function outputOf(domain: Domain, item: Accepted, point: Point, iat: number, exp: number): Output {
  return { id: randomUUID(), domain: domain.name, iat, exp, ...coordinates(point), inResponseTo: item.id }
}

function times({ ttl }: Domain, now: number): { iat: number; exp: number } {
  const iat = Math.floor(now / 1000)
  return { iat, exp: iat + ttl }
}

function pointsOf(items: readonly Accepted[]): Point[] {
  return items.map(item => item.point)
}
