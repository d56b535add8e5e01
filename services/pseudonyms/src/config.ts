/** The service's settings, read from the environment; the same schema renders the reference in the README. */
import { type Environment, list, readConfig, secret } from '@littlebox/kit/config'
import { z } from 'zod'

const points = z.coerce.number().int().min(1)

export const configSchema = z.object({
  LITTLEBOX_PUBLIC_URL: list().describe(
    'Base URLs by which clients know this service, comma separated; the first names domains’ audiences',
  ),
  LITTLEBOX_ISSUER: z.url().describe('The issuer of access tokens, as `iss` has it'),
  LITTLEBOX_JWKS_URL: z.url().optional().describe('The issuer’s keys; `<issuer>/jwks` when left out'),
  LITTLEBOX_AUDIENCE: z.string().min(1).describe('`aud` of access tokens for this service'),
  LITTLEBOX_BEARER_CLIENTS: list().default([]).describe('Clients that may use plain bearer tokens, comma separated'),
  LITTLEBOX_JWKS_ORIGINS: list()
    .default([])
    .describe('Origins where domain owners’ keys (`jku`) may be, comma separated'),
  DATABASE_URL: secret(z.string().optional()).describe('The operator’s PostgreSQL; an embedded one when left out'),
  LITTLEBOX_DATA: z.string().default('.littlebox/pseudonyms').describe('Folder of the embedded PostgreSQL'),
  LITTLEBOX_BOX: z
    .literal('file-evaluation-only')
    .describe('The box’s driver; a file is for evaluation, and this says so'),
  LITTLEBOX_BOX_FILE: z.string().min(1).describe('The box’s file'),
  LITTLEBOX_BOX_PASSPHRASE_FILE: z.string().min(1).describe('The file with the box’s passphrase, mode 0600'),
  LITTLEBOX_BATCH: z.coerce.number().int().min(1).max(1000).default(1000).describe('Items of a batch at most'),
  LITTLEBOX_WORKING: z.coerce
    .number()
    .int()
    .min(1)
    .max(10_000)
    .default(128)
    .describe('Requests worked on at once; over it 503'),
  LITTLEBOX_CALLER_BURST: points.default(5_000).describe('Points at once of a caller, an operation and a domain'),
  LITTLEBOX_CALLER_PER_DAY: points.default(100_000).describe('Points a UTC day of the same'),
  LITTLEBOX_ORGANISATION_BURST: points.default(20_000).describe('Points at once of an organisation'),
  LITTLEBOX_ORGANISATION_PER_DAY: points.default(500_000).describe('Points a UTC day of an organisation'),
  LITTLEBOX_ROTATE_DAYS: z.coerce
    .number()
    .int()
    .min(1)
    .max(30)
    .default(28)
    .describe('Days from one transit key to the next'),
  LITTLEBOX_ANNOUNCE_HOURS: z.coerce
    .number()
    .int()
    .min(7)
    .max(240)
    .default(24)
    .describe('Hours that owners see a transit key before its use'),
  HOST: z.string().default('127.0.0.1').describe('Address to listen on'),
  PORT: z.coerce.number().int().min(0).max(65_535).default(8080).describe('Port to listen on; 0 for a free one'),
})

export type Config = z.output<typeof configSchema>

/** ConfigError naming every wrong setting. */
export function readServiceConfig(env: Environment): Config {
  return readConfig(configSchema, env)
}
