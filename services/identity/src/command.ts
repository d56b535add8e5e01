/**
 * The commands: `init` makes what `serve` needs, `add-client` enrols a client, `serve` runs until SIGTERM or SIGINT.
 *
 * Standard output carries one line of JSON for machines; the banner, the log and errors go to standard error. A
 * private key is written to the file that was named for it and never printed.
 */
import { rm } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { addClient, createClients, newClient, writeProfile } from './enrolment.ts'
import { IdentityError } from './identity-error.ts'
import { standInNotice } from './provider.ts'
import { createSigningKey } from './signing-key.ts'
import { start } from './start.ts'

/** The exit code: 0 done, 1 refused (the message tells), 2 wrongly called. */
export async function command(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args
  try {
    const run = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined
    if (run === undefined) throw new IdentityError('usage', usage)
    await run(rest)
    return 0
  } catch (error) {
    const code = exitCode(error)
    if (code === undefined) throw error
    process.stderr.write(`identity: ${error instanceof Error ? error.message : code}\n`)
    return code
  }
}

const usage = `usage:
  main.ts init DIRECTORY
  main.ts add-client --directory DIRECTORY --profile FILE --issuer URL --client-id ID --organisation NAME
                     --resource URI... [--role ROLE...] [--access API=ROLE...] [--plain-bearer]
  main.ts serve --directory DIRECTORY [--port N] [--host ADDRESS] [--issuer URL]`

const commands: Readonly<Record<string, (args: string[]) => Promise<void>>> = {
  async init(args) {
    const { positionals } = parseArgs({ args, allowPositionals: true })
    const [directory, ...more] = positionals
    if (directory === undefined || more.length > 0) throw new IdentityError('usage', usage)
    await createSigningKey(directory)
    await createClients(directory)
    print({ event: 'initialised', directory })
  },

  async 'add-client'(args) {
    const { values } = parseArgs({
      args,
      options: {
        directory: { type: 'string' },
        profile: { type: 'string' },
        issuer: { type: 'string' },
        'client-id': { type: 'string' },
        organisation: { type: 'string' },
        resource: { type: 'string', multiple: true },
        role: { type: 'string', multiple: true },
        access: { type: 'string', multiple: true },
        'plain-bearer': { type: 'boolean' },
      },
    })
    const { entry, profile } = await newClient({
      issuer: required(values.issuer),
      clientId: required(values['client-id']),
      organisation: required(values.organisation),
      resources: required(values.resource),
      roles: values.role ?? [],
      resourceAccess: accessByApi(values.access ?? []),
      dpop: values['plain-bearer'] ? 'plain-bearer' : 'required',
    })
    const directory = required(values.directory)
    const path = required(values.profile)
    // The profile first: a client whose key was never kept would block its name.
    await writeProfile(path, profile)
    try {
      await addClient(directory, entry)
    } catch (error) {
      await rm(path)
      throw error
    }
    print({ event: 'client-added', clientId: entry.client_id, profile: path })
  },

  async serve(args) {
    const { values } = parseArgs({
      args,
      options: {
        directory: { type: 'string' },
        port: { type: 'string', default: '0' },
        host: { type: 'string', default: '127.0.0.1' },
        issuer: { type: 'string' },
      },
    })
    const port = Number(values.port)
    if (!/^\d{1,5}$/.test(values.port) || port > 65_535) throw new IdentityError('usage', usage)
    const signalled = untilSignal()
    const identity = await start({
      directory: required(values.directory),
      port,
      host: values.host,
      ...(values.issuer === undefined ? {} : { issuer: values.issuer }),
    })
    process.stderr.write(banner)
    print({ event: 'listening', url: identity.url, issuer: identity.issuer, standIn: true })
    await signalled
    await identity.close()
  },
}

const rule = '*'.repeat(standInNotice.length + 4)
const banner = `\n${rule}\n* ${standInNotice} *\n${rule}\n\n`

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new IdentityError('usage', usage)
  return value
}

/** `api=role`, given once for each role. */
function accessByApi(pairs: readonly string[]): Record<string, string[]> {
  const access = new Map<string, string[]>()
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    if (at < 1) throw new IdentityError('usage', usage)
    const api = pair.slice(0, at)
    access.set(api, [...(access.get(api) ?? []), pair.slice(at + 1)])
  }
  return Object.fromEntries(access)
}

function untilSignal(): Promise<void> {
  return new Promise(resolve => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve())
  })
}

/** Undefined for what no caller can put right. */
function exitCode(error: unknown): 1 | 2 | undefined {
  if (error instanceof IdentityError) return error.code === 'usage' ? 2 : 1
  if (!(error instanceof Error)) return undefined
  if ('code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')) return 2
  // A port in use, a directory that may not be written: the system's message says it.
  return 'syscall' in error ? 1 : undefined
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
