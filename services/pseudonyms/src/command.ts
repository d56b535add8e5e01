/**
 * The commands: `init` makes database, box and wrapping key where there are none, `serve` runs until SIGTERM or SIGINT.
 * Settings come from the environment (config.ts). Standard output carries one line of JSON with the address, then the log.
 */
import { existsSync } from 'node:fs'
import { BoxError } from '@littlebox/box'
import { createFileBox, evaluationGrant, evaluationOnly, openFileBox, readPassphrase } from '@littlebox/box/file'
import { engine } from '@littlebox/curve'
import { ConfigError, configReference } from '@littlebox/kit/config'
import { exitOnSignals } from '@littlebox/kit/server'
import { createWhenMissing, openStore, StoreError } from '@littlebox/kit/store'
import { type Config, configSchema, readServiceConfig } from './config.ts'
import { makeWrappingKey } from './initialise.ts'
import type { allowInsecureHttp } from './owner-keys.ts'
import { start } from './start.ts'
import { migrations } from './store.ts'

/** The exit code: 0 done or running, 1 refused (the message tells), 2 wrongly called. */
export async function command(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${usage}\n\n${configReference(configSchema)}`)
    return 0
  }
  if ((name !== 'init' && name !== 'serve') || rest.length > 0) {
    process.stderr.write(`${usage}\n`)
    return 2
  }
  try {
    const config = readServiceConfig(process.env)
    await (name === 'init' ? initialise(config) : serve(config))
    return 0
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof StoreError || error instanceof BoxError)) throw error
    process.stderr.write(`pseudonyms: ${error.message}\n`)
    return 1
  }
}

const usage = `usage:
  main.ts init     make database, box and wrapping key where there are none
  main.ts serve    run the service until SIGTERM
  main.ts --help   this, and the settings`

async function initialise(config: Config): Promise<void> {
  const settings = await boxSettings(config)
  const make = existsSync(settings.path) ? openFileBox : createFileBox
  await makeWrappingKey(await make(settings, evaluationOnly), evaluationGrant(evaluationOnly))
  const store = await openStore({
    ...(config.DATABASE_URL === undefined
      ? { embedded: { directory: config.LITTLEBOX_DATA, whenMissing: createWhenMissing } }
      : { url: config.DATABASE_URL }),
    migrations,
  })
  await store.close()
}

/** Serves until SIGTERM. `transport` lets keys of the issuer and of owners come by plain HTTP: for evaluation only. */
export async function serve(config: Config, transport?: typeof allowInsecureHttp): Promise<void> {
  const { path, passphrase, engine } = await boxSettings(config)
  const service = await start({
    database:
      config.DATABASE_URL === undefined
        ? { embedded: { directory: config.LITTLEBOX_DATA } }
        : { url: config.DATABASE_URL },
    box: await openFileBox({ path, passphrase, engine }, evaluationOnly),
    grant: evaluationGrant(evaluationOnly),
    engine,
    issuer: config.LITTLEBOX_ISSUER,
    jwksUrl: config.LITTLEBOX_JWKS_URL,
    audience: config.LITTLEBOX_AUDIENCE,
    publicUrls: config.LITTLEBOX_PUBLIC_URL,
    bearerClients: config.LITTLEBOX_BEARER_CLIENTS,
    jwksOrigins: config.LITTLEBOX_JWKS_ORIGINS,
    quotas: {
      caller: { burst: config.LITTLEBOX_CALLER_BURST, perDay: config.LITTLEBOX_CALLER_PER_DAY },
      organisation: { burst: config.LITTLEBOX_ORGANISATION_BURST, perDay: config.LITTLEBOX_ORGANISATION_PER_DAY },
    },
    rotation: { everyDays: config.LITTLEBOX_ROTATE_DAYS, announceHours: config.LITTLEBOX_ANNOUNCE_HOURS },
    batch: config.LITTLEBOX_BATCH,
    limits: { working: config.LITTLEBOX_WORKING },
    transport,
    port: config.PORT,
    host: config.HOST,
  })
  exitOnSignals(() => service.close())
  process.stdout.write(`${JSON.stringify({ event: 'listening', url: service.url })}\n`)
}

async function boxSettings(config: Config) {
  return {
    path: config.LITTLEBOX_BOX_FILE,
    passphrase: await readPassphrase(config.LITTLEBOX_BOX_PASSPHRASE_FILE),
    engine: await engine(),
  }
}
