/** All values of the scenario, by what they are: known here because the test stands beside all parties and has every key. */
import { readFileSync } from 'node:fs'
import { engine as defaultEngine, type Engine, type Point, parseScalar, type Scalar, xOf } from '@littlebox/curve'
import { openSecretKeys, openTransit, parseTransits, type TransitKeys, valuePoints } from '@littlebox/pseudonym'
import { type Exchange, openService } from '@littlebox/stack'
import { textValue, type Value } from './encodings.ts'
import { domainKeys } from './opened-box.ts'
import type { Happened } from './scenario.ts'
import { domains, type Stage } from './stage.ts'

export const kinds = [
  'identifier',
  'name',
  'sealed text',
  'seed',
  'value point',
  'pseudonym at rest, as x',
  'pseudonym at rest, as stored',
  'pseudonym at rest elsewhere, as x',
  'pseudonym at rest elsewhere, as stored',
  'pseudonym in transit',
  'transit scalar',
  'point blinded by the care provider',
  'point blinded by the owner',
  'blind',
  'domain key',
  'transit key',
  'evaluated output',
  'access token',
] as const
export type Kind = (typeof kinds)[number]

export async function valuesOf(stage: Stage, happened: Happened): Promise<Readonly<Record<Kind, readonly Value[]>>> {
  const { patients, note, seed, transits, stored, elsewhere, outputs, factors } = happened
  const { taps, profiles, place } = stage
  const engine = await defaultEngine()
  const transitKeys = [
    await transitKeysOf(stage, profiles.owner, domains.prescriptions),
    await transitKeysOf(stage, profiles.owner, domains.seeds),
    await transitKeysOf(stage, profiles['other owner'], domains.vaccines),
  ]
  const opened = await openAll(engine, transitKeys, transits)
  const keys = await domainKeys(place('box.json'), place('box.passphrase'))
  const identifiers = patients.map(({ ssn }) => ssn)
  const points = (await valuePoints(engine, happened.domain, identifiers)) as Point[]
  const timesKey = (domain: string) => {
    const k = parseScalar('P-521', keys.get(`domain/${domain}/forward`)!)
    return engine.multiply(
      points,
      points.map(() => [k]),
    )
  }
  return {
    identifier: patients.map(({ ssn }) => textValue('identifier', ssn, ...spellings(ssn))),
    name: patients.map(({ name }) => textValue('name', name)),
    'sealed text': [textValue('note', note), textValue('end of the note', note.slice(-20))],
    seed: [{ name: 'seed', bytes: seed }],
    'value point': points.map(asValue),
    'pseudonym at rest, as x': (await timesKey(domains.prescriptions)).map(asValue),
    'pseudonym at rest, as stored': stored.map(sealedPart),
    'pseudonym at rest elsewhere, as x': (await timesKey(domains.vaccines)).map(asValue),
    'pseudonym at rest elsewhere, as stored': elsewhere.map(sealedPart),
    'pseudonym in transit': opened.map(({ point }) => asValue(point)),
    'transit scalar': opened.map(({ scalar }) => ({ name: 'r', bytes: scalar.bytes })),
    'point blinded by the care provider': blindedPoints(taps['care provider']),
    'point blinded by the owner': blindedPoints(taps.owner),
    blind: withoutProofs(factors, taps['care provider']),
    'domain key': [...keys].map(([name, bytes]) => ({ name, bytes })),
    'transit key': transitKeys.map(({ active }) => ({ name: active.kid, bytes: active.secret })),
    'evaluated output': outputs.map(bytes => ({ name: 'output', bytes })),
    'access token': tokensOf([...taps['care provider'], ...taps.owner]),
  }
}

async function transitKeysOf({ scene }: Stage, profile: string, domain: string): Promise<TransitKeys> {
  const { owner } = JSON.parse(readFileSync(profile, 'utf8'))
  const key = JSON.parse(readFileSync(owner.privateKeys[0], 'utf8'))
  const document = await (await openService(profile, { url: scene.stack.url })).document(domain)
  return openSecretKeys(document, [{ kid: key.kid, key }])
}

async function openAll(engine: Engine, keys: readonly TransitKeys[], transits: readonly string[]) {
  const secrets = new Map(keys.flatMap(({ secrets }) => [...secrets]))
  const now = Math.floor(Date.now() / 1000)
  return (await parseTransits(engine, 'P-521', transits)).map(parsed => {
    if (parsed instanceof Error) throw parsed
    const { aud } = JSON.parse(Buffer.from(parsed.transitInfo.split('.')[0]!, 'base64url').toString())
    const { scalar } = openTransit({ curve: 'P-521', audience: aud }, secrets, parsed.transitInfo, now)
    return { point: parsed.point, scalar }
  })
}

function spellings(ssn: string): string[] {
  const [, year, month, day, serial, check] = /^(..)(..)(..)(...)(..)$/.exec(ssn)!
  const date = `${year}${month}${day}`
  return [`${year}.${month}.${day}-${serial}.${check}`, `${date}-${serial}${check}`, `${date} ${serial} ${check}`]
}

function asValue(point: Point): Value {
  return { name: 'point', bytes: xOf(point) }
}

/** `key id . sealed`. */
function sealedPart(column: string): Value {
  return { name: 'column value', bytes: Buffer.from(column.slice(column.indexOf('.') + 1), 'base64url') }
}

/** In requests and in answers. */
function blindedPoints(exchanges: readonly Exchange[]): Value[] {
  const bodies = exchanges.flatMap(({ requestBody, responseBody }) => [requestBody, responseBody])
  const xs = bodies.flatMap(body => [...body.toString().matchAll(/"x":"([^"]{80,})"/g)].map(([, x]) => x!))
  return [...new Set(xs)].map(x => ({ name: 'blinded point', bytes: Buffer.from(x, 'base64') }))
}

/** The verifier of a proof multiplies by its halves, which are no secret. */
function withoutProofs(factors: readonly Scalar[], exchanges: readonly Exchange[]): Value[] {
  const proofs = exchanges.map(({ responseBody }) => /"proof":"([^"]*)"/.exec(responseBody.toString())?.[1] ?? '')
  const halves = proofs.map(proof => Buffer.from(proof, 'base64url').toString('hex')).join()
  const blinds = factors.filter(({ bytes }) => !halves.includes(Buffer.from(bytes).toString('hex')))
  return blinds.map(({ bytes }) => ({ name: 'blind', bytes }))
}

/** By their signatures. */
function tokensOf(exchanges: readonly Exchange[]): Value[] {
  const headers = exchanges.map(({ requestHeaders }) => requestHeaders).join('\n')
  const signatures = [...headers.matchAll(/^DPoP (\S+)$/gm)].map(([, token]) => token!.split('.')[2]!)
  return [...new Set(signatures)].map(text => ({ name: 'access token', bytes: Buffer.from(text, 'base64url') }))
}
