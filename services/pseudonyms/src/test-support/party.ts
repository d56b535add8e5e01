/** For tests: what care provider and owner compute, by @littlebox/curve and @littlebox/pseudonym, and items to send. */
import { randomUUID } from 'node:crypto'
import {
  type CurveName,
  decodeValue,
  engine,
  type Point,
  parsePoint,
  randomScalar,
  type Scalar,
  xOf,
} from '@littlebox/curve'
import { coordinates, type Item, type Output, openSecretKeys, openTransit, parseDomain } from '@littlebox/pseudonym'
import { ownerClient, type World } from './world.ts'

export interface Blinded {
  readonly item: Item
  readonly blind: Scalar
}

async function pointOf(value: string, name: CurveName = 'P-521'): Promise<Point> {
  const [point] = await (await engine()).encode(name, [Buffer.from(value)], 8)
  if (!point || point instanceof Error) throw new Error('no point')
  return point
}

export async function blindPoint(point: Point, transitInfo?: string): Promise<Blinded> {
  const blind = randomScalar(point.curve)
  const [blinded] = await (await engine()).multiply([point], [[blind]])
  const item = { id: randomUUID(), ...coordinates(blinded!) }
  return { blind, item: transitInfo === undefined ? item : { ...item, transitInfo } }
}

export async function blindValue(value: string, name: CurveName = 'P-521'): Promise<Blinded> {
  return blindPoint(await pointOf(value, name))
}

export function pointIn({ crv, x, y }: Pick<Output, 'crv' | 'x' | 'y'>): Point {
  return parsePoint(crv, Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64'), Buffer.from(y, 'base64')]))
}

export async function unblind(output: Output, blind: Scalar): Promise<Point> {
  const native = await engine()
  const [point] = await native.multiply([pointIn(output)], [native.invert([blind])])
  return point!
}

export function valueIn(point: Point): string {
  return Buffer.from(decodeValue(point, 8)).toString()
}

/** rP′ = P: what the owner stores is its x. */
export async function atRest(world: World, domain: string, inTransit: Point, transitInfo: string): Promise<Point> {
  const document = parseDomain(
    (await world.call('GET', `/pseudo/v1/domains/${domain}`, undefined, { as: ownerClient })).body,
  )
  const { secrets } = await openSecretKeys(document, [{ kid: world.owner.kid, key: world.owner.privateKey }])
  const { scalar } = openTransit(document, secrets, transitInfo, Math.floor(Date.now() / 1000))
  const [point] = await (await engine()).multiply([inTransit], [[scalar]])
  return point!
}

export function label(point: Point): string {
  return Buffer.from(xOf(point)).toString('hex')
}

/** A value's pseudonym in transit, as a care provider gets it. */
export async function pseudonymised(world: World, domain: string, value: string, name: CurveName = 'P-521') {
  const { item, blind } = await blindValue(value, name)
  const answer = await world.call('POST', `/pseudo/v1/domains/${domain}/pseudonymize`, item)
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body))
  const output: Output = answer.body
  return { point: await unblind(output, blind), transitInfo: output.transitInfo!, output }
}
