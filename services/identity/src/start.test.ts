import { chmod, rm, stat, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { clientsPath } from './clients.ts'
import { createClients } from './enrolment.ts'
import { temporaryDirectory } from './fixture.ts'
import { createSigningKey, readSigningKey, signingKeyPath } from './signing-key.ts'
import { start } from './start.ts'

let directory: string

beforeEach(async () => {
  directory = await temporaryDirectory()
})

afterEach(() => rm(directory, { recursive: true }))

const starting = (issuer?: string) => start({ directory, port: 0, ...(issuer === undefined ? {} : { issuer }) })

async function initialised(): Promise<void> {
  await createSigningKey(directory)
  await createClients(directory)
}

describe('the signing key', () => {
  test('is never made by starting: the message says what to run', async () => {
    await createClients(directory)
    await expect(starting()).rejects.toMatchObject({
      code: 'signing-key-missing',
      message: expect.stringContaining(`main.ts init ${directory}`),
    })
  })

  test('is readable by its owner only, and never overwritten', async () => {
    await createSigningKey(directory)
    expect((await stat(signingKeyPath(directory))).mode & 0o777).toBe(0o600)
    const before = await readSigningKey(directory)
    await expect(createSigningKey(directory)).rejects.toMatchObject({ code: 'signing-key-exists' })
    expect(await readSigningKey(directory)).toEqual(before)
  })

  test('that others may read is refused', async () => {
    await initialised()
    await chmod(signingKeyPath(directory), 0o640)
    await expect(starting()).rejects.toMatchObject({ code: 'signing-key-exposed' })
  })

  test('that is damaged is refused without being quoted', async () => {
    await initialised()
    const { d, ...rest } = await readSigningKey(directory)
    for (const content of ['', `{"d":"${d}"`, JSON.stringify({ ...rest, key: d })]) {
      await writeFile(signingKeyPath(directory), content)
      const refusal: Error = await starting().then(
        () => new Error('started'),
        error => error,
      )
      expect(refusal).toMatchObject({ code: 'signing-key-invalid' })
      expect(refusal.message).not.toContain(d)
    }
  })
})

test('a malformed clients file stops the start with its name and place', async () => {
  await initialised()
  await writeFile(clientsPath(directory), '{"clients":[{"client_id":"a"}]}')
  await expect(starting()).rejects.toMatchObject({
    code: 'clients-invalid',
    message: expect.stringMatching(/clients\.json .*\n.*clients\.0\.organisation/),
  })
})

describe('the issuer', () => {
  test('is the address listened on unless another one is given', async () => {
    await initialised()
    const identity = await starting()
    expect(identity.issuer).toBe(identity.url)
    await identity.close()
  })

  test('given, it stands in every document', async () => {
    await initialised()
    const identity = await starting('https://id.example')
    const document = await (await fetch(`${identity.url}/.well-known/openid-configuration`)).json()
    expect(document).toMatchObject({ issuer: 'https://id.example', token_endpoint: 'https://id.example/token' })
    await identity.close()
  })

  test('is https, or http to this machine; without path, query or slash at the end', async () => {
    await initialised()
    for (const issuer of [
      'http://id.example',
      'https://id.example/',
      'https://id.example/a',
      'id.example',
      'ftp://a',
    ]) {
      await expect(starting(issuer), issuer).rejects.toMatchObject({ code: 'issuer-invalid' })
    }
  })
})

test('once closed, nothing listens', async () => {
  await initialised()
  const identity = await starting()
  expect((await fetch(`${identity.url}/livez`)).status).toBe(200)
  await identity.close()
  await expect(fetch(`${identity.url}/livez`)).rejects.toThrow('fetch failed')
})
