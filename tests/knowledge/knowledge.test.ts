import { appendFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { directCaller } from '../direct-caller.ts'
import { execute } from './database-dump.ts'
import type { Value } from './encodings.ts'
import { type Recording, recording } from './recording.ts'
import { play } from './scenario.ts'
import { searchOf } from './search.ts'
import { type Party, parties, type Stage, setStage } from './stage.ts'
import { type Kind, kinds, valuesOf } from './values.ts'

// §1, who learns what: every party's recording is searched for every value of the scenario, in every encoding. `holds` must
// be found, so that the search is seen to work; `never` must not. `memory`: the party computes it and leaves it nowhere.

type Knowledge = 'holds' | 'never' | 'memory'

const table: Readonly<Record<Kind, readonly Knowledge[]>> = {
  // care provider, owner, other owner, service, box, identity provider
  identifier: ['holds', 'never', 'never', 'never', 'never', 'never'],
  name: ['holds', 'never', 'never', 'never', 'never', 'never'],
  'sealed text': ['holds', 'never', 'never', 'never', 'never', 'never'],
  seed: ['memory', 'never', 'never', 'never', 'never', 'never'],
  'value point': ['memory', 'never', 'never', 'never', 'never', 'never'],
  'pseudonym at rest, as x': ['never', 'memory', 'never', 'never', 'never', 'never'],
  'pseudonym at rest, as stored': ['never', 'holds', 'never', 'never', 'never', 'never'],
  'pseudonym at rest elsewhere, as x': ['never', 'never', 'memory', 'never', 'never', 'never'],
  'pseudonym at rest elsewhere, as stored': ['never', 'never', 'holds', 'never', 'never', 'never'],
  'pseudonym in transit': ['holds', 'holds', 'holds', 'never', 'never', 'never'],
  'transit scalar': ['never', 'memory', 'memory', 'never', 'never', 'never'],
  'point blinded by the care provider': ['holds', 'never', 'never', 'holds', 'never', 'never'],
  'point blinded by the owner': ['never', 'holds', 'never', 'holds', 'never', 'never'],
  blind: ['memory', 'never', 'never', 'never', 'never', 'never'],
  'domain key': ['never', 'never', 'never', 'never', 'memory', 'never'],
  'transit key': ['never', 'memory', 'memory', 'memory', 'never', 'never'],
  'evaluated output': ['holds', 'never', 'never', 'never', 'never', 'never'],
  'access token': ['holds', 'holds', 'never', 'holds', 'never', 'holds'],
}

let stage: Stage
let values: Awaited<ReturnType<typeof valuesOf>>
let recordings: Readonly<Record<Party, Recording>>

beforeAll(async () => {
  stage = await setStage()
  values = await valuesOf(stage, await play(stage))
  recordings = await stage.recordings()
})

afterAll(() => stage?.close())

describe.each(parties.map((party, i) => [party, i] as const))('the %s', (party, i) => {
  const kindsThat = (knowledge: Knowledge) => kinds.filter(kind => table[kind][i] === knowledge)

  it(`has of what it may hold: ${kindsThat('holds').join(', ') || 'nothing'}`, () => {
    const search = searchOf(recordings[party])
    for (const kind of kindsThat('holds'))
      expect(
        values[kind].flatMap(value => search.find(value)),
        kind,
      ).not.toEqual([])
  })

  it('has nothing of all else, in any encoding, anywhere', () => {
    const search = searchOf(recordings[party])
    for (const kind of [...kindsThat('never'), ...kindsThat('memory')]) {
      expect(values[kind].length, kind).toBeGreaterThan(0)
      for (const value of values[kind]) expect(search.find(value), `${value.name} (${kind})`).toEqual([])
    }
  })
})

describe('all that the table says is held was seen whole', () => {
  it.each([
    ['care provider', 'identifier'],
    ['care provider', 'name'],
    ['care provider', 'evaluated output'],
    ['care provider', 'point blinded by the care provider'],
    ['owner', 'pseudonym at rest, as stored'],
    ['other owner', 'pseudonym at rest elsewhere, as stored'],
    ['owner', 'point blinded by the owner'],
    ['service', 'point blinded by the care provider'],
    ['service', 'access token'],
  ] as const)('the %s has every %s', (party, kind) => {
    const search = searchOf(recordings[party])
    expect(values[kind].filter(value => search.find(value).length === 0)).toEqual([])
  })
})

describe("the service's logs, database and metrics", () => {
  const places = ['log', 'database', 'metrics']

  it.each(places)('%s: no point, no token, though it was handed both', place => {
    const search = searchOf(recordings.service, place)
    const kept = ['point blinded by the care provider', 'point blinded by the owner', 'access token'] as const
    for (const value of kept.flatMap(kind => values[kind])) expect(search.find(value), value.name).toEqual([])
  })

  it("log and journal: nothing that has the form of a token, a point, a key or a person's number", () => {
    const written = recordings.service.pieces.filter(({ place }) => /^log|journal/.test(place))
    expect(written.map(({ place }) => place)).toContain('database public.journal')
    const forms = (bytes: string) => bytes.replaceAll(uuid, '').match(/eyJ|[\da-f]{32}|[\w+/]{40}|\d{11}/gi) ?? []
    expect(written.flatMap(({ bytes }) => forms(bytes))).toEqual([])
    expect(forms(Buffer.from(values['pseudonym in transit'][0]!.bytes).toString('base64'))).not.toEqual([])
  })

  it('what a caller writes where it does not belong is neither repeated to him nor written down', async () => {
    const { scene } = stage
    const [person] = values.identifier as [Value]
    const text = Buffer.from(person.bytes).toString()
    const caller = await directCaller(scene.care)
    const patients = '/pseudo/v1/domains/prescriptions_v1'
    const answers = await Promise.all([
      caller.post(`/pseudo/v1/domains/d${text}/pseudonymize`, { id: '1' }),
      caller.post(`/pseudo/v1/domains/${text}/identify?ssn=${text}`, { id: '1' }),
      caller.post(`/pseudo/${text}`, { id: '1' }),
      caller.post(`${patients}/pseudonymize`, `{"ssn": ${text}, oops`),
      caller.post(`${patients}/pseudonymize`, { id: 1, ssn: text, [text]: text }),
      caller.post(`${patients}/pseudonymize`, { id: '1', crv: text, x: text, y: text }),
      caller.post(`${patients}/identify`, { id: '1', crv: 'P-521', x: 'AA==', y: 'AA==', transitInfo: text }),
      caller.post('/pseudo/v2/domains/study_v1/evaluate', { blinded: [text] }),
      caller.post('/pseudo/v2/domains', { domain: `d${text}`, [text]: text }),
      fetch(`${scene.stack.url}${patients}`, { headers: { authorization: `Bearer ${text}`, 'x-person': text } }),
    ])
    expect(answers.map(({ status }) => status).filter(status => status < 400 || status >= 500)).toEqual([])
    const party = recording()
    for (const answer of answers) party.add('answer', JSON.stringify([...answer.headers]) + (await answer.text()))
    expect(searchOf(party).find(person)).toEqual([])
    const { service } = await stage.recordings()
    for (const place of places) expect(searchOf(service, place).find(person)).toEqual([])
  })
})

const uuid = /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g

describe('the control: what is planted is found', () => {
  const first = (kind: Kind): Value => values[kind][0]!
  const foundAt = async (party: Party, value: Value) => searchOf((await stage.recordings())[party]).find(value)
  const base64 = (value: Value) => Buffer.from(value.bytes).toString('base64url')

  it("an identifier in a line of the service's log", async () => {
    const value = first('identifier')
    const text = Buffer.from(value.bytes).toString()
    appendFileSync(stage.place('pseudonyms.log'), `{"level":"warn","msg":"refused","detail":"${text}"}\n`)
    expect(await foundAt('service', value)).toContain('log pseudonyms.log')
  })

  it("an identifier in PostgreSQL's log, as people write it", async () => {
    const value = values.identifier[1]!
    appendFileSync(stage.place('postgres/postgres.log'), `ERROR: no such person ${value.spellings![1]}\n`)
    expect(await foundAt('service', value)).toContain('log postgres/postgres.log')
  })

  it('a point in the journal, a transit scalar in a table as bytea, a token in another column', async () => {
    const [point, scalar, token] = [first('pseudonym in transit'), first('transit scalar'), first('access token')]
    const url = stage.scene.stack.postgres.url
    const event = `insert into journal (at, service, type, outcome, reason, caller) values (now(), 'p', 'use', 'done', $1, $2)`
    await execute(url, event, [base64(point), `ey.ey.${base64(token)}`])
    await execute(url, 'create table planted (value bytea)')
    await execute(url, 'insert into planted values ($1)', [Buffer.from(JSON.stringify({ scalar: base64(scalar) }))])
    expect(await foundAt('service', point)).toContain('database public.journal')
    expect(searchOf((await stage.recordings()).service, 'database').find(token)).toContain('database public.journal')
    expect(await foundAt('service', scalar)).toContain('database public.planted, unpacked')
  })

  it('the domain key in the box file', async () => {
    const value = first('domain key')
    appendFileSync(stage.place('box.json'), value.bytes)
    expect(await foundAt('box', value)).toContain('box file')
  })

  it('an identifier in what the identity provider is asked, a pseudonym at rest in what the service is asked', async () => {
    const [identifier, column] = [first('identifier'), first('pseudonym at rest, as stored')]
    const hint = Buffer.from(identifier.bytes).toString('hex')
    await (await fetch(`${stage.scene.stack.issuer}/token?login_hint=${hint}`)).text()
    expect(await foundAt('identity provider', identifier)).toContain(`traffic GET /token?login_hint=${hint}`)
    await (await fetch(`${stage.careUrl}/livez`, { headers: { 'x-person': base64(column) } })).text()
    expect(await foundAt('care provider', column)).toContain('traffic GET /livez')
    expect(await foundAt('service', column)).toContain('traffic GET /livez')
  })
})
