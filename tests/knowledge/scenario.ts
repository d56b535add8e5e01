/**
 * Everything that Littlebox does, once, with a tap before every party: a care provider with SDK and command line, the
 * owner of the prescriptions, the owner of the vaccines, the service, its box and the identity provider. Afterwards there
 * is a recording of each party, and, because this test stands beside all of them, every value that passed.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { engine as defaultEngine, type Engine, type Point, parseScalar, xOf } from '@littlebox/curve'
import {
  callerLearnsPseudonym,
  openSecretKeys,
  openTransit,
  parseTransits,
  type SealedRecord,
  type TransitKeys,
  valuePoints,
} from '@littlebox/pseudonym'
import { createDomain, type Exchange, littlebox, openOwner, openService, startGateway } from '@littlebox/stack'
import { directCaller } from '../direct-caller.ts'
import { openScene, patientsFolder, type Scene } from '../scene.ts'
import { dumpDatabase } from './database-dump.ts'
import { textValue, type Value } from './encodings.ts'
import { domainKeys } from './opened-box.ts'
import { type Recording, recording } from './recording.ts'
import { spyingEngine } from './spying-engine.ts'

export const parties = ['care provider', 'owner', 'other owner', 'service', 'box', 'identity'] as const
export type Party = (typeof parties)[number]

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

export interface Played {
  readonly scene: Scene
  /** The service, as the care provider knows it. */
  readonly careUrl: string
  readonly values: Readonly<Record<Kind, readonly Value[]>>
  /** What each party has by now: files, logs and tables are read anew at each call. */
  recordings(): Promise<Readonly<Record<Party, Recording>>>
  /** A file of the party, for plants: the service's log, the box. */
  place(name: string): string
  close(): Promise<void>
}

interface Patient {
  readonly ssn: string
  readonly name: string
}

const [prescriptions, seeds, vaccines, study] = ['prescriptions_v1', 'prescriptions_keys_v1', 'vaccines_v1', 'study_v1']
const parts = { identifier: 'ssn', id: 'id', seeds: seeds! }

export async function play(): Promise<Played> {
  const taps = { care: [] as Exchange[], owner: [] as Exchange[], other: [] as Exchange[], identity: [] as Exchange[] }
  const gateways = {
    care: await startGateway(exchange => taps.care.push(exchange)),
    owner: await startGateway(exchange => taps.owner.push(exchange)),
    other: await startGateway(exchange => taps.other.push(exchange)),
  }
  const urls = [gateways.care.url, gateways.owner.url, gateways.other.url]
  const scene = await openScene({
    replicas: 0,
    publicUrls: urls,
    recordIdentity: exchange => taps.identity.push(exchange),
  })
  const { stack, admin, directory } = scene
  const place = (name: string) => join(directory, name)
  const [ownKeys, otherKeys] = [await stack.owner('prescriptions'), await stack.owner('vaccines')]
  await scene.startReplica()
  for (const gateway of Object.values(gateways)) gateway.targets = stack.gateway.targets

  const enrol = (clientId: string, access: string, url: string, owner?: typeof ownKeys) =>
    stack.enrol({ clientId, organisation: clientId, access: [access], service: [url], ...(owner && { owner }) })
  const careProfile = await enrol('doctor', 'care', gateways.care.url)
  const ownerProfile = await enrol('prescriptions', 'owner', gateways.owner.url, ownKeys)
  const otherProfile = await enrol('vaccines', 'owner', gateways.other.url, otherKeys)

  const own = { jku: ownKeys.jku, ownerClient: 'prescriptions' }
  const nrn = { valueFormat: 'be-nrn' } as const
  await createDomain(admin, { ...own, ...nrn, domain: prescriptions!, convertTo: vaccines! })
  await createDomain(admin, { ...own, domain: seeds!, valueFormat: 'bytes' })
  const other = { jku: otherKeys.jku, ownerClient: 'vaccines' }
  await createDomain(admin, { ...other, ...nrn, domain: vaccines!, convertFrom: prescriptions! })
  await createDomain(admin, { ...own, ...nrn, domain: study!, encoding: 'hashed', back: false, evaluate: true })

  const patients = readPatients(12)
  const fixed = new Map(parties.map(party => [party, recording()]))
  const handed = { transits: [] as string[], stored: [] as string[], elsewhere: [] as string[] }
  const give = (from: Party, to: Party, what: string) => {
    for (const party of [from, to]) fixed.get(party)!.add('handed over', what)
    handed.transits.push(...(what.match(/[\w-]{80,}:ey[\w.-]+/g) ?? []))
    return what
  }
  const keep = (who: Party, what: string) => {
    fixed.get(who)!.add('database', what)
    return what
  }

  const engine = await defaultEngine()
  const spy = spyingEngine(engine)
  const service = await openService(careProfile, { engine: spy.engine })
  const care = await service.domain(prescriptions!)
  const owner = await openOwner(ownerProfile, prescriptions!)
  const seedOwner = await openOwner(ownerProfile, seeds!)
  const otherOwner = await openOwner(otherProfile, vaccines!)

  // To the owner and back.
  for (const { ssn, name } of patients.slice(0, 3)) {
    keep('care provider', JSON.stringify({ ssn, name }))
    const person = keep('owner', await owner.atRest(give('care provider', 'owner', await care.pseudonymise(ssn))))
    handed.stored.push(person)
    expectSame(await care.identify(give('owner', 'care provider', await owner.inTransit(person))), ssn)
    // To another domain's owner, at rest and in transit.
    const converted = give('owner', 'other owner', await owner.convert(person, vaccines!))
    const between = await (await openService(ownerProfile)).domain(prescriptions!)
    const again = await between.convert(give('care provider', 'owner', await care.pseudonymise(ssn)), vaccines!)
    const elsewhere = await otherOwner.atRest(converted)
    expectSame(await otherOwner.atRest(give('owner', 'other owner', again)), elsewhere)
    handed.elsewhere.push(keep('other owner', elsewhere))
  }

  // §8: a record with a sealed field.
  const [patient] = patients as [Patient]
  const record = { id: 'RX-1', ssn: patient.ssn, product: 'Samplostatine', note: `${patient.name} fears side effects` }
  keep('care provider', JSON.stringify(record))
  const sealed: SealedRecord = JSON.parse(
    give('care provider', 'owner', JSON.stringify(await care.seal(record, ['note'], parts))),
  )
  const [person, seed] = [await owner.atRest(String(sealed.record.ssn)), await seedOwner.atRest(sealed.seed)]
  keep('owner', JSON.stringify({ ...sealed.record, ssn: person, seed }))
  handed.stored.push(person)
  const returned = {
    record: { ...sealed.record, ssn: await owner.inTransit(person) },
    seed: await seedOwner.inTransit(seed),
  }
  const opened = await care.open(JSON.parse(give('owner', 'care provider', JSON.stringify(returned))), ['note'], parts)
  expectSame(opened.note, record.note)
  const seedBytes = (await (await service.domain(seeds!)).identify(sealed.seed)) as Uint8Array

  // RFC 9497: the caller learns the outcome.
  const everybody = patients.map(({ ssn }) => ssn)
  const outputs = await (await service.domain(study!)).evaluate(everybody, { [callerLearnsPseudonym]: true })
  for (const output of outputs) keep('care provider', Buffer.from(output).toString('base64url'))

  // The same over files, by the command line.
  const file = (name: string) => place(`${name}.csv`)
  writeFileSync(file('patients'), `ssn,name\n${patients.map(({ ssn, name }) => `${ssn},${name}`).join('\n')}\n`)
  const column = async (who: Party, profile: string, command: string, from: string, to: string) => {
    const options = ['--column', 'ssn', '--domain', prescriptions!, '--profile', profile, '--allow-insecure-http']
    const { code, output, errors } = await littlebox([command, file(from), '--out', file(to), ...options])
    expectSame(code, 0)
    fixed.get(who)!.add('log of the command', output + errors)
    return readFileSync(file(to), 'utf8')
  }
  const withoutNames = (text: string) => text.replaceAll(/,[^,\n]*$/gm, '')
  const sent = withoutNames(await column('care provider', careProfile, 'pseudonymise', 'patients', 'sent'))
  writeFileSync(file('sent'), give('care provider', 'owner', sent))
  const stored = keep('owner', await column('owner', ownerProfile, 'receive', 'sent', 'stored'))
  handed.stored.push(...stored.trimEnd().split('\n').slice(1))
  give('owner', 'care provider', await column('owner', ownerProfile, 'return', 'stored', 'answered'))
  const identified = await column('care provider', careProfile, 'identify', 'answered', 'identified')
  expectSame(identified, `ssn\n${everybody.join('\n')}\n`)
  keep('care provider', readFileSync(file('patients'), 'utf8') + identified)

  await provokeErrors(careProfile, ownerProfile, handed.transits)

  const ownerKeys = async (profile: string, domain: string) => {
    const { owner: named } = JSON.parse(readFileSync(profile, 'utf8'))
    const key = JSON.parse(readFileSync(named.privateKeys[0], 'utf8'))
    const document = await (await openService(profile, { url: stack.url })).document(domain)
    return openSecretKeys(document, [{ kid: key.kid, key }])
  }
  const keysOf = {
    [prescriptions!]: await ownerKeys(ownerProfile, prescriptions!),
    [seeds!]: await ownerKeys(ownerProfile, seeds!),
    [vaccines!]: await ownerKeys(otherProfile, vaccines!),
  }
  const transits = await openAll(engine, Object.values(keysOf), handed.transits)
  const domainKeyValues = await domainKeys(place('box.json'), place('box.passphrase'))
  const values = (await valuePoints(engine, care.domain, everybody)) as Point[]
  const atRest = await timesKey(engine, values, domainKeyValues.get(`domain/${prescriptions}/forward`)!)
  const atRestElsewhere = await timesKey(engine, values, domainKeyValues.get(`domain/${vaccines}/forward`)!)

  // The verifier of a proof multiplies by its halves, which are no secret.
  const proofs = taps.care
    .map(({ responseBody }) => Buffer.from(/"proof":"([^"]*)"/.exec(responseBody.toString())?.[1] ?? '', 'base64url'))
    .map(proof => proof.toString('hex'))
    .join()

  return {
    scene,
    careUrl: gateways.care.url,
    place,
    values: {
      identifier: patients.map(({ ssn }, i) => textValue(`identifier ${i}`, ssn, ...spellings(ssn))),
      name: patients.map(({ name }, i) => textValue(`name ${i}`, name)),
      'sealed text': [textValue('note', record.note), textValue('end of the note', 'fears side effects')],
      seed: [{ name: 'seed', bytes: seedBytes }],
      'value point': points('value point', values),
      'pseudonym at rest, as x': points('pseudonym at rest', atRest),
      'pseudonym at rest, as stored': columns(handed.stored),
      'pseudonym at rest elsewhere, as x': points('pseudonym elsewhere', atRestElsewhere),
      'pseudonym at rest elsewhere, as stored': columns(handed.elsewhere),
      'pseudonym in transit': points(
        'pseudonym in transit',
        transits.map(({ point }) => point),
      ),
      'transit scalar': transits.map(({ scalar }, i) => ({ name: `r ${i}`, bytes: scalar })),
      'point blinded by the care provider': blindedPoints(taps.care),
      'point blinded by the owner': blindedPoints(taps.owner),
      blind: spy.factors
        .filter(({ bytes }) => !proofs.includes(Buffer.from(bytes).toString('hex')))
        .map(({ bytes }, i) => ({ name: `blind ${i}`, bytes })),
      'domain key': [...domainKeyValues].map(([name, bytes]) => ({ name, bytes })),
      'transit key': Object.values(keysOf).map(({ active }) => ({ name: active.kid, bytes: active.secret })),
      'evaluated output': outputs.map((bytes, i) => ({ name: `output ${i}`, bytes })),
      'access token': tokensOf([...taps.care, ...taps.owner]),
    },

    async recordings() {
      const party = (name: Party): Recording => {
        const copy = recording()
        for (const { place: where, bytes } of fixed.get(name)!.pieces) copy.add(where, Buffer.from(bytes, 'latin1'))
        return copy
      }
      const all = Object.fromEntries(parties.map(name => [name, party(name)])) as Record<Party, Recording>
      addTraffic(all['care provider'], taps.care)
      addTraffic(all.owner, taps.owner)
      addTraffic(all['other owner'], taps.other)
      addTraffic(all.identity, taps.identity)
      for (const tap of [taps.care, taps.owner, taps.other]) addTraffic(all.service, tap)
      for (const { table, rows } of await dumpDatabase(stack.postgres.url)) all.service.add(`database ${table}`, rows)
      for (const log of ['pseudonyms.log', 'postgres/postgres.log'])
        all.service.add(`log ${log}`, readFileSync(place(log)))
      for (const { url } of stack.replicas) all.service.add('metrics', await (await fetch(`${url}/metrics`)).text())
      all.box.add('box file', readFileSync(place('box.json')))
      all.identity.add('log', readFileSync(place('identity.log')))
      for (const name of readdirSync(place('identity')))
        all.identity.add(`file ${name}`, readFileSync(place(`identity/${name}`)))
      return all
    },

    async close() {
      await scene.close()
      await Promise.all(Object.values(gateways).map(gateway => gateway.close()))
    },
  }
}

/** What is refused leaves its traces too: bodies, log lines, events. */
async function provokeErrors(careProfile: string, ownerProfile: string, transits: readonly string[]): Promise<void> {
  const care = await directCaller(careProfile)
  const refused = [
    await care.post(`/pseudo/v1/domains/${prescriptions}/identify`, item(transits[0]!, 'x')),
    await care.post(`/pseudo/v1/domains/${prescriptions}/pseudonymize`, {
      id: '1',
      crv: 'P-521',
      x: 'AA==',
      y: 'AA==',
    }),
    await care.post(`/pseudo/v1/domains/${prescriptions}/convertTo/${vaccines}`, { id: '1' }),
    await care.post(`/pseudo/v1/domains/nobody_v1/pseudonymize`, { id: '1' }),
    await care.post(`/pseudo/v1/domains/${prescriptions}/pseudonymizeMultiple`, '{'),
    await (await directCaller(ownerProfile)).post(`/pseudo/v1/domains/${prescriptions}/pseudonymize`, { id: '1' }),
  ]
  for (const { status } of refused) if (status < 400) throw new Error(`${status} is no refusal`)
}

/** Never the pseudonym's own point. */
function item(transit: string, spoilt: string): unknown {
  return { id: '1', crv: 'P-521', x: 'AA==', y: 'AA==', transitInfo: transit.slice(transit.indexOf(':') + 1) + spoilt }
}

function readPatients(count: number): Patient[] {
  const lines = readFileSync(join(patientsFolder(), 'patients.csv'), 'utf8').split('\n').slice(1)
  return lines.slice(0, count).map(line => {
    const [ssn, name] = line.split(',') as [string, string]
    return { ssn, name }
  })
}

function spellings(ssn: string): string[] {
  const [, year, month, day, serial, check] = /^(..)(..)(..)(...)(..)$/.exec(ssn)!
  return [
    `${year}.${month}.${day}-${serial}.${check}`,
    `${year}${month}${day}-${serial}${check}`,
    `${year}${month}${day} ${serial} ${check}`,
  ]
}

async function openAll(engine: Engine, keys: readonly TransitKeys[], transits: readonly string[]) {
  const secrets = new Map(keys.flatMap(({ secrets }) => [...secrets]))
  const now = Math.floor(Date.now() / 1000)
  return (await parseTransits(engine, 'P-521', transits)).map(parsed => {
    if (parsed instanceof Error) throw parsed
    const header = JSON.parse(Buffer.from(parsed.transitInfo.split('.')[0]!, 'base64url').toString())
    const scope = { curve: 'P-521', audience: header.aud } as const
    return { point: parsed.point, scalar: openTransit(scope, secrets, parsed.transitInfo, now).scalar.bytes }
  })
}

async function timesKey(engine: Engine, values: readonly Point[], key: Uint8Array): Promise<Point[]> {
  const k = parseScalar('P-521', key)
  return engine.multiply(
    values,
    values.map(() => [k]),
  )
}

function points(name: string, all: readonly Point[]): Value[] {
  return all.map((point, i) => ({ name: `${name} ${i}`, bytes: xOf(point) }))
}

/** `key id . sealed`: the sealed part. */
function columns(people: readonly string[]): Value[] {
  return [...new Set(people)].map((person, i) => ({
    name: `column value ${i}`,
    bytes: Buffer.from(person.slice(person.indexOf('.') + 1), 'base64url'),
  }))
}

function blindedPoints(exchanges: readonly Exchange[]): Value[] {
  const bodies = exchanges.flatMap(({ requestBody, responseBody }) => [requestBody, responseBody])
  const xs = bodies.flatMap(body => [...body.toString().matchAll(/"x":"([^"]{80,})"/g)].map(([, x]) => x!))
  return [...new Set(xs)].map((x, i) => ({ name: `blinded point ${i}`, bytes: Buffer.from(x, 'base64') }))
}

function tokensOf(exchanges: readonly Exchange[]): Value[] {
  const headers = exchanges.map(({ requestHeaders }) => requestHeaders).join('\n')
  const tokens = new Set([...headers.matchAll(/^DPoP (\S+)$/gm)].map(([, token]) => token!.split('.')[2]!))
  return [...tokens].map((signature, i) => ({ name: `access token ${i}`, bytes: Buffer.from(signature, 'base64url') }))
}

function addTraffic(to: Recording, exchanges: readonly Exchange[]): void {
  for (const { method, path, requestHeaders, requestBody, status, responseHeaders, responseBody } of exchanges) {
    to.add(`traffic ${method} ${path}`, Buffer.concat([Buffer.from(`${path}\n${requestHeaders}\n`), requestBody]))
    to.add(`traffic ${status} ${path}`, Buffer.concat([Buffer.from(`${responseHeaders}\n`), responseBody]))
  }
}

function expectSame(actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error('the scenario did not come to what it should')
}
