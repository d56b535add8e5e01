import { rm, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ClientEntry, clientsPath, openClients, readClients } from './clients.ts'
import { addClient, createClients, newClient } from './enrolment.ts'
import { temporaryDirectory } from './fixture.ts'

let directory: string
let entry: ClientEntry
let privatePart: string

beforeAll(async () => {
  directory = await temporaryDirectory()
  const client = await newClient({
    issuer: 'https://id.example',
    clientId: 'gp-1',
    organisation: 'practice-1',
    resources: ['https://pseudonyms.example'],
  })
  entry = client.entry
  privatePart = client.profile.privateJwk.d
})

afterAll(() => rm(directory, { recursive: true }))

async function reading(content: unknown): Promise<readonly ClientEntry[]> {
  await writeFile(clientsPath(directory), typeof content === 'string' ? content : JSON.stringify(content))
  return readClients(directory)
}

describe('an entry', () => {
  test('has no roles and needs DPoP unless it says otherwise', async () => {
    const { client_id, organisation, jwks, resources } = entry
    const [read] = await reading({ clients: [{ client_id, organisation, jwks, resources }] })
    expect(read).toMatchObject({ roles: [], resource_access: {}, dpop: 'required' })
  })

  test('with a wrong field is refused, naming the place', async () => {
    const [key] = entry.jwks.keys
    const wrong: [string, object][] = [
      ['clients.0.client_id', { ...entry, client_id: 'a b' }],
      ['clients.0.organisation', { ...entry, organisation: undefined }],
      ['clients.0.resources', { ...entry, resources: [] }],
      ['clients.0.resources.0', { ...entry, resources: ['pseudonyms'] }],
      ['clients.0.resources.0', { ...entry, resources: ['https://pseudonyms.example#part'] }],
      ['clients.0.dpop', { ...entry, dpop: false }],
      ['clients.0.roles', { ...entry, roles: 'domain-admin' }],
      ['clients.0.resource_access.api', { ...entry, resource_access: { api: ['reader'] } }],
      ['clients.0.jwks.keys', { ...entry, jwks: { keys: [] } }],
      ['clients.0.jwks.keys.0.crv', { ...entry, jwks: { keys: [{ ...key, crv: 'P-384' }] } }],
      ['clients.0.jwks.keys.0: is no point', { ...entry, jwks: { keys: [{ ...key, x: key?.y }] } }],
      ['Unrecognized key: "secret"', { ...entry, secret: 'x' }],
    ]
    for (const [place, client] of wrong) {
      await expect(reading({ clients: [client] }), place).rejects.toMatchObject({
        code: 'clients-invalid',
        message: expect.stringContaining(place),
      })
    }
  })

  test('with a private key is refused, and the message doesn’t repeat it', async () => {
    const [key] = entry.jwks.keys
    const clients = [{ ...entry, jwks: { keys: [{ ...key, d: privatePart }] } }]
    const refusal: Error = await reading({ clients }).catch(error => error)
    expect(refusal).toMatchObject({ code: 'clients-invalid' })
    expect(refusal.message).toContain('is a private key')
    expect(refusal.message).not.toContain(privatePart)
  })

  test('may not share its client_id', async () => {
    await expect(reading({ clients: [entry, entry] })).rejects.toMatchObject({
      code: 'clients-invalid',
      message: expect.stringContaining('clients.1.client_id: is used by an earlier client'),
    })
  })
})

describe('a file that is no clients file', () => {
  test('is refused with line and column, without quoting it', async () => {
    const refusal: Error = await reading(`{\n"clients": [${privatePart}`).catch(error => error)
    expect(refusal).toMatchObject({ code: 'clients-invalid' })
    expect(refusal.message).toContain('it is not JSON')
    for (let at = 0; at + 8 < privatePart.length; at++) {
      expect(refusal.message).not.toContain(privatePart.slice(at, at + 8))
    }
  })

  test('is not taken for an empty one when it is missing', async () => {
    await rm(clientsPath(directory))
    await expect(openClients(directory)).rejects.toMatchObject({ code: 'clients-missing' })
    await expect(addClient(directory, entry)).rejects.toMatchObject({ code: 'clients-missing' })
  })
})

describe('enrolment', () => {
  test('adds clients that a reader then finds, each once', async () => {
    await createClients(directory)
    const clients = await openClients(directory)
    expect(await clients.find('gp-1')).toBeUndefined()
    await addClient(directory, entry)
    expect(await clients.find('gp-1')).toEqual(entry)
    await expect(addClient(directory, entry)).rejects.toMatchObject({ code: 'client-exists' })
  })

  test('keeps the private key out of the entry', () => {
    expect(JSON.stringify(entry)).not.toContain(privatePart)
  })

  test('loses nothing when several enrol at once: one goes on, the others are told', async () => {
    const before = (await readClients(directory)).length
    const entries = Array.from({ length: 5 }, (_, n) => ({ ...entry, client_id: `many-${n}` }))
    const outcomes = await Promise.allSettled(entries.map(one => addClient(directory, one)))
    const added = outcomes.filter(({ status }) => status === 'fulfilled').length
    expect(added).toBeGreaterThan(0)
    expect(await readClients(directory)).toHaveLength(before + added)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'clients-busy' })
    }
  })

  test('refuses values that the file would refuse', async () => {
    const client = { issuer: 'https://id.example', clientId: '', organisation: 'o', resources: ['https://r.example'] }
    await expect(newClient(client)).rejects.toMatchObject({ code: 'clients-invalid' })
  })
})
