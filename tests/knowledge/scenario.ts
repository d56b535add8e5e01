/**
 * Everything that Littlebox does, once: to the owner and back, to another owner, with a sealed field, evaluated by the
 * caller; by the SDK, and over files by the command line. Throws where it does not come to what it should.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { engine, type Scalar } from '@littlebox/curve'
import { callerLearnsPseudonym, type Domain, type SealedRecord } from '@littlebox/pseudonym'
import { littlebox, openOwner, openService } from '@littlebox/stack'
import { patientsFolder } from '../scene.ts'
import { provokeErrors } from './provoked-errors.ts'
import { spyingEngine } from './spying-engine.ts'
import { domains, type Party, type Stage } from './stage.ts'

export interface Happened {
  readonly patients: readonly Patient[]
  /** Of the prescriptions. */
  readonly domain: Domain
  readonly note: string
  readonly seed: Uint8Array
  /** What passed between the parties. */
  readonly transits: readonly string[]
  /** Column values of the owner, and of the other. */
  readonly stored: readonly string[]
  readonly elsewhere: readonly string[]
  readonly outputs: readonly Uint8Array[]
  /** What the care provider's SDK multiplied by. */
  readonly factors: readonly Scalar[]
}

interface Patient {
  readonly ssn: string
  readonly name: string
}

export async function play(stage: Stage): Promise<Happened> {
  const { profiles, keep } = stage
  const patients = readPatients(12)
  const spy = spyingEngine(await engine())
  const service = await openService(profiles['care provider'], { engine: spy.engine })
  const care = await service.domain(domains.prescriptions)
  const owner = await openOwner(profiles.owner, domains.prescriptions)
  const seedOwner = await openOwner(profiles.owner, domains.seeds)
  const otherOwner = await openOwner(profiles['other owner'], domains.vaccines)
  const between = await (await openService(profiles.owner)).domain(domains.prescriptions)
  const [transits, stored, elsewhere]: [string[], string[], string[]] = [[], [], []]
  const give = (from: Party, to: Party, what: string) => {
    transits.push(...(what.match(/[\w-]{80,}:ey[\w.-]+/g) ?? []))
    return stage.give(from, to, what)
  }

  for (const patient of patients.slice(0, 3)) {
    const { ssn } = patient
    keep('care provider', JSON.stringify(patient))
    const person = keep('owner', await owner.atRest(give('care provider', 'owner', await care.pseudonymise(ssn))))
    stored.push(person)
    expectSame(await care.identify(give('owner', 'care provider', await owner.inTransit(person))), ssn)
    // Converted at rest, and in transit.
    const there = await otherOwner.atRest(give('owner', 'other owner', await owner.convert(person, domains.vaccines)))
    const passing = give('care provider', 'owner', await care.pseudonymise(ssn))
    const again = give('owner', 'other owner', await between.convert(passing, domains.vaccines))
    expectSame(await otherOwner.atRest(again), there)
    elsewhere.push(keep('other owner', there))
  }

  // §8: the backend stores a note that it can not read.
  const [patient] = patients as [Patient]
  const note = `${patient.name} fears the side effects of this`
  const record = { id: 'RX-1', ssn: patient.ssn, product: 'Samplostatine', note }
  keep('care provider', JSON.stringify(record))
  const parts = { identifier: 'ssn', id: 'id', seeds: domains.seeds }
  const sent = give('care provider', 'owner', JSON.stringify(await care.seal(record, ['note'], parts)))
  const sealed: SealedRecord = JSON.parse(sent)
  const [person, seedAtRest] = [await owner.atRest(String(sealed.record.ssn)), await seedOwner.atRest(sealed.seed)]
  keep('owner', JSON.stringify({ ...sealed.record, ssn: person, seed: seedAtRest }))
  const [ssn, seed] = [await owner.inTransit(person), await seedOwner.inTransit(seedAtRest)]
  const returned = give('owner', 'care provider', JSON.stringify({ record: { ...sealed.record, ssn }, seed }))
  expectSame((await care.open(JSON.parse(returned), ['note'], parts)).note, note)
  const seedBytes = (await (await service.domain(domains.seeds)).identify(sealed.seed)) as Uint8Array

  // RFC 9497: the caller learns what comes out.
  const study = await service.domain(domains.study)
  const everybody = patients.map(({ ssn }) => ssn)
  const outputs = await study.evaluate(everybody, { [callerLearnsPseudonym]: true })
  for (const output of outputs) keep('care provider', Buffer.from(output).toString('base64url'))

  stored.push(...(await overFiles(stage, patients, give)))
  await provokeErrors(stage, transits[0]!)
  const { factors } = spy
  return { patients, domain: care.domain, note, seed: seedBytes, transits, stored, elsewhere, outputs, factors }
}

/** The same by the `littlebox` command; gives what the owner stores. */
async function overFiles(stage: Stage, patients: readonly Patient[], give: Stage['give']): Promise<string[]> {
  const { profiles, place, keep, said } = stage
  const file = (name: string) => place(`${name}.csv`)
  const column = async (who: 'care provider' | 'owner', command: string, from: string, to: string) => {
    const options = ['--column', 'ssn', '--domain', domains.prescriptions, '--profile', profiles[who]]
    const args = [command, file(from), '--out', file(to), ...options, '--allow-insecure-http']
    const { code, output, errors } = await littlebox(args)
    expectSame(code, 0)
    said(who, output + errors)
    return readFileSync(file(to), 'utf8')
  }
  const rows = patients.map(({ ssn, name }) => `${ssn},${name}`)
  writeFileSync(file('patients'), keep('care provider', `ssn,name\n${rows.join('\n')}\n`))
  const pseudonymised = await column('care provider', 'pseudonymise', 'patients', 'pseudonymised')
  // The column with the names stays at home.
  writeFileSync(file('sent'), give('care provider', 'owner', pseudonymised.replaceAll(/,[^,\n]*$/gm, '')))
  const stored = keep('owner', await column('owner', 'receive', 'sent', 'stored'))
  give('owner', 'care provider', await column('owner', 'return', 'stored', 'answered'))
  const identified = keep('care provider', await column('care provider', 'identify', 'answered', 'identified'))
  expectSame(identified, `ssn\n${patients.map(({ ssn }) => ssn).join('\n')}\n`)
  return stored.trimEnd().split('\n').slice(1)
}

function readPatients(count: number): Patient[] {
  const lines = readFileSync(join(patientsFolder(), 'patients.csv'), 'utf8').split('\n')
  return lines.slice(1, 1 + count).map(line => {
    const [ssn, name] = line.split(',') as [string, string]
    return { ssn, name }
  })
}

function expectSame(actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error('the scenario did not come to what it should')
}
