/**
 * The parties of the scenario, each behind a tap of its own: a care provider, the owner of the prescriptions, the owner of
 * the vaccines, the service with its box, the identity provider. `recordings` is what each of them has by now.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createDomain, type Exchange, type Gateway, type Owner, startGateway } from '@littlebox/stack'
import { openScene, type Scene } from '../scene.ts'
import { dumpDatabase } from './database-dump.ts'
import { type Recording, recording } from './recording.ts'

export const parties = ['care provider', 'owner', 'other owner', 'service', 'box', 'identity provider'] as const
export type Party = (typeof parties)[number]

export const domains = {
  prescriptions: 'prescriptions_v1',
  seeds: 'prescriptions_keys_v1',
  vaccines: 'vaccines_v1',
  study: 'study_v1',
} as const

type Tapped = 'care provider' | 'owner' | 'other owner'

export interface Stage {
  readonly scene: Scene
  readonly profiles: Readonly<Record<Tapped, string>>
  readonly taps: Readonly<Record<Tapped, readonly Exchange[]>>
  /** The service, as the care provider knows it. */
  readonly careUrl: string
  /** A file of the stack. */
  place(name: string): string
  /** Something passes from one to the other without the service. */
  give(from: Party, to: Party, what: string): string
  /** The party stores it. */
  keep(who: Party, what: string): string
  /** The command that the party runs says this. */
  said(who: Party, what: string): void
  /** Files, logs and tables are read anew at each call. */
  recordings(): Promise<Readonly<Record<Party, Recording>>>
  close(): Promise<void>
}

export async function setStage(): Promise<Stage> {
  const taps = { 'care provider': [] as Exchange[], owner: [] as Exchange[], 'other owner': [] as Exchange[] }
  const asked: Exchange[] = []
  const tap = (who: Tapped) => startGateway(exchange => taps[who].push(exchange))
  const gateways = [await tap('care provider'), await tap('owner'), await tap('other owner')] as const
  const publicUrls = gateways.map(({ url }) => url)
  const scene = await openScene({ replicas: 0, publicUrls, recordIdentity: exchange => asked.push(exchange) })
  const { stack } = scene
  const keys = [await stack.owner('prescriptions'), await stack.owner('vaccines')] as const
  await scene.startReplica()
  for (const gateway of gateways) gateway.targets = stack.gateway.targets
  await createDomains(scene, ...keys)

  const place = (name: string) => join(scene.directory, name)
  const noted = Object.fromEntries(parties.map(party => [party, recording()])) as Record<Party, Recording>
  return {
    scene,
    profiles: await enrolAll(scene, gateways, keys),
    taps,
    careUrl: gateways[0].url,
    place,
    give(from, to, what) {
      for (const party of [from, to]) noted[party].add('handed over', what)
      return what
    },
    keep(who, what) {
      noted[who].add('database', what)
      return what
    },
    said: (who, what) => noted[who].add('log of the command', what),

    async recordings() {
      const all = Object.fromEntries(parties.map(party => [party, recording(noted[party].pieces)])) as typeof noted
      for (const who of ['care provider', 'owner', 'other owner'] as const) {
        addTraffic(all[who], taps[who])
        addTraffic(all.service, taps[who])
      }
      for (const { table, rows } of await dumpDatabase(stack.postgres.url)) all.service.add(`database ${table}`, rows)
      for (const log of ['pseudonyms.log', 'postgres/postgres.log'])
        all.service.add(`log ${log}`, readFileSync(place(log)))
      for (const { url } of stack.replicas) all.service.add('metrics', await (await fetch(`${url}/metrics`)).text())
      all.box.add('box file', readFileSync(place('box.json')))
      const identity = all['identity provider']
      addTraffic(identity, asked)
      identity.add('log', readFileSync(place('identity.log')))
      for (const name of readdirSync(place('identity')))
        identity.add(`file ${name}`, readFileSync(place(`identity/${name}`)))
      return all
    },

    async close() {
      await scene.close()
      await Promise.all(gateways.map(gateway => gateway.close()))
    },
  }
}

async function createDomains({ admin }: Scene, ownKeys: Owner, otherKeys: Owner): Promise<void> {
  const { prescriptions, seeds, vaccines, study } = domains
  const own = { jku: ownKeys.jku, ownerClient: 'prescriptions', valueFormat: 'be-nrn' } as const
  const other = { ...own, jku: otherKeys.jku, ownerClient: 'vaccines' }
  await createDomain(admin, { ...own, domain: prescriptions, convertTo: vaccines })
  await createDomain(admin, { ...own, domain: seeds, valueFormat: 'bytes' })
  await createDomain(admin, { ...other, domain: vaccines, convertFrom: prescriptions })
  await createDomain(admin, { ...own, domain: study, encoding: 'hashed', back: false, evaluate: true })
}

async function enrolAll(
  { stack }: Scene,
  [care, own, other]: readonly [Gateway, Gateway, Gateway],
  [ownKeys, otherKeys]: readonly [Owner, Owner],
): Promise<Record<Tapped, string>> {
  const enrol = (clientId: string, access: string, { url }: Gateway, owner?: Owner) =>
    stack.enrol({ clientId, organisation: clientId, access: [access], service: [url], ...(owner && { owner }) })
  return {
    'care provider': await enrol('doctor', 'care', care),
    owner: await enrol('prescriptions', 'owner', own, ownKeys),
    'other owner': await enrol('vaccines', 'owner', other, otherKeys),
  }
}

function addTraffic(to: Recording, exchanges: readonly Exchange[]): void {
  for (const { method, path, requestHeaders, requestBody, status, responseHeaders, responseBody } of exchanges) {
    to.add(`traffic ${method} ${path}`, Buffer.concat([Buffer.from(`${path}\n${requestHeaders}\n`), requestBody]))
    to.add(`traffic ${status} ${path}`, Buffer.concat([Buffer.from(`${responseHeaders}\n`), responseBody]))
  }
}
