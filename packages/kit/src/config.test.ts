import { randomUUID } from 'node:crypto'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { ConfigError, configReference, flag, list, readConfig, secret } from './config.ts'

const schema = z.object({
  PORT: z.coerce.number().int().min(0).max(65535).default(8080).describe('Port to listen on'),
  DATABASE_URL: secret(z.url().describe('PostgreSQL | where the state stands')).optional(),
  PASSPHRASE: secret(z.string().min(12)).describe('Opens the box'),
  CURVE: z.enum(['P-256', 'P-521']).default('P-521').describe('Curve'),
  EVALUATION: flag().default(false).describe('Trial only'),
  CLIENTS: list().default([]).describe('Plain bearer clients'),
})
const enough = { PASSPHRASE: 'correct horse battery' }

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kit-config-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function secretFile(text: string, mode: number): Promise<string> {
  const path = join(folder, randomUUID())
  await writeFile(path, text)
  await chmod(path, mode)
  return path
}

function wrongOf(env: Record<string, string>): ConfigError {
  try {
    readConfig(schema, env)
  } catch (error) {
    if (error instanceof ConfigError) return error
  }
  throw new Error('Nothing was found wrong.')
}

describe('readConfig', () => {
  test('parses, with defaults; empty is the same as none', () => {
    const config = readConfig(schema, { ...enough, PORT: '', EVALUATION: 'true', CLIENTS: 'a, b,,c', OTHER: 'x' })
    expect(config).toEqual({ ...enough, PORT: 8080, CURVE: 'P-521', EVALUATION: true, CLIENTS: ['a', 'b', 'c'] })
  })

  test('"false" is false', () => {
    expect(readConfig(schema, { ...enough, EVALUATION: 'false' }).EVALUATION).toBe(false)
  })

  test('one error names every wrong setting and its purpose, and no value', () => {
    const error = wrongOf({ PORT: '99999', CURVE: 'P-999', DATABASE_URL: 'hush', PASSPHRASE: 'too-short' })
    expect(error.wrong.map(one => one.name).sort()).toEqual(['CURVE', 'DATABASE_URL', 'PASSPHRASE', 'PORT'])
    expect(error.message).toContain('Port to listen on')
    for (const value of ['99999', 'P-999', 'hush', 'too-short']) expect(error.message).not.toContain(value)
  })

  test('what is missing is said to be missing', () => {
    expect(wrongOf({}).wrong).toEqual([{ name: 'PASSPHRASE', problem: 'is missing. It is: Opens the box' }])
  })

  test.each([0o600, 0o400, 0o440])('a secret from a file of mode %o, without its last line feed', async mode => {
    const config = readConfig(schema, { PASSPHRASE_FILE: await secretFile('from a file, long\n', mode) })
    expect(config.PASSPHRASE).toBe('from a file, long')
  })

  test.each([0o644, 0o604, 0o660, 0o666])('a secret in a file of mode %o is refused', async mode => {
    const { wrong } = wrongOf({ PASSPHRASE_FILE: await secretFile('from a file, long', mode) })
    expect(wrong).toEqual([{ name: 'PASSPHRASE_FILE', problem: expect.stringContaining('chmod') }])
  })

  test('a file that is not there, and a secret given twice', async () => {
    expect(wrongOf({ PASSPHRASE_FILE: '/nowhere/at/all' }).wrong).toEqual([
      { name: 'PASSPHRASE_FILE', problem: "/nowhere/at/all can't be read" },
    ])
    const twice = wrongOf({ ...enough, PASSPHRASE_FILE: await secretFile('another one, long', 0o600) })
    expect(twice.wrong).toEqual([{ name: 'PASSPHRASE_FILE', problem: expect.stringContaining('set one of them') }])
  })

  test('a setting that is no secret has no _FILE', () => {
    expect(readConfig(schema, { ...enough, PORT_FILE: '/nowhere' }).PORT).toBe(8080)
  })
})

describe('configReference', () => {
  test('is the table of the same schema', () => {
    expect(configReference(schema).split('\n')).toEqual([
      '| variable | meaning | values | when left out |',
      '|---|---|---|---|',
      '| `PORT` | Port to listen on | integer from 0 to 65535 | `8080` |',
      '| `DATABASE_URL` or `DATABASE_URL_FILE` | PostgreSQL \\| where the state stands | uri | none |',
      '| `PASSPHRASE` or `PASSPHRASE_FILE` | Opens the box | string | **an error** |',
      '| `CURVE` | Curve | `P-256`, `P-521` | `P-521` |',
      '| `EVALUATION` | Trial only | `true`, `false` | `false` |',
      '| `CLIENTS` | Plain bearer clients | comma-separated | none |',
      '',
    ])
  })
})
