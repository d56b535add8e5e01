import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readProfile } from './profile.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'profile-'))
})
afterAll(() => rm(directory, { recursive: true }))

const secret = 'nobody-may-print-this'
const valid = {
  service: 'https://pseudonyms.example',
  issuer: 'https://identity.example',
  resource: 'urn:pseudonyms',
  clientId: 'practice-1',
  privateKey: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', d: secret },
}

let count = 0
async function write(content: unknown, mode = 0o600): Promise<string> {
  const path = join(directory, `${count++}.json`)
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content))
  await chmod(path, mode)
  return path
}

const refusal = async (content: unknown, mode?: number) => readProfile(await write(content, mode)).catch(error => error)

describe('a profile', () => {
  it('has one service or several, and a key in it or beside it', async () => {
    const key = await write(valid.privateKey)
    const profile = await readProfile(
      await write({ ...valid, service: ['https://a.example', 'https://b.example'], privateKey: key }),
    )
    expect(profile.service).toEqual(['https://a.example', 'https://b.example'])
    expect(profile.privateKey).toEqual(valid.privateKey)
    expect((await readProfile(await write(valid))).service).toEqual(['https://pseudonyms.example'])
  })

  it('file-mode: others may read it, or a key that it names', async () => {
    expect(await refusal(valid, 0o644)).toMatchObject({
      code: 'file-mode',
      advice: expect.stringContaining('chmod 600'),
    })
    const key = await write(valid.privateKey, 0o640)
    expect(await refusal({ ...valid, privateKey: key })).toMatchObject({ code: 'file-mode' })
  })

  it('profile-invalid: names what does not fit, never a value', async () => {
    const { clientId: _, ...without } = valid
    expect(await refusal(without)).toMatchObject({
      code: 'profile-invalid',
      message: expect.stringContaining('clientId'),
    })
    expect(await refusal(`{"privateKey":"${secret}`)).toMatchObject({ code: 'profile-invalid' })
    for (const wrong of [`{"d":"${secret}`, { ...valid, privateKey: { d: secret } }]) {
      const error = await refusal(wrong)
      expect(`${error.message} ${error.cause ?? ''}`).not.toContain(secret)
    }
  })

  it('profile-invalid: http without TLS is a flag, nothing that can stand in a file', async () => {
    expect(await refusal({ ...valid, allowInsecureHttp: true })).toMatchObject({ code: 'profile-invalid' })
    expect(await refusal({ ...valid, dpop: false })).toMatchObject({ code: 'profile-invalid' })
  })

  it("profile-invalid: an owner's command without an owner's keys", async () => {
    const profile = await readProfile(await write(valid))
    await expect(profile.ownerKeys()).rejects.toMatchObject({
      code: 'profile-invalid',
      advice: expect.stringContaining('owner init'),
    })
  })
})
