/**
 * What each command does to a batch of values: the SDK's operation, with a problem of one value as that row's rejection
 * and a problem of the whole batch as an error that ends (and keeps) the run.
 */
import {
  type BulkOptions,
  callerLearnsPseudonym,
  type Done,
  domainOwner,
  PseudonymError,
  type PseudonymErrorCode,
  type PseudonymService,
  type ServiceDomain,
  type Value,
  valueToBytes,
} from '@littlebox/pseudonym'
import type { Convert } from './column-job.ts'
import type { ColumnCommandName } from './column-options.ts'
import type { OwnerKeys } from './profile.ts'
import type { Rejection } from './row.ts'

export interface Conversion {
  readonly convert: Convert
  /** What the domains are, for the checkpoint: a run is not resumed against another service. */
  readonly audience: string
}

export interface ConversionRequest {
  readonly service: PseudonymService
  readonly domain: string
  /** `convert`: the domain to convert to. */
  readonly to: string | undefined
  /** `convert`: the column holds pseudonyms at rest. */
  readonly atRest: boolean
  /** The owner's keys, for the commands that are the owner's. */
  readonly ownerKeys: () => Promise<OwnerKeys>
}

/** Fetches what the command needs: the domain, for owners their transit keys. */
export async function openConversion(command: ColumnCommandName, request: ConversionRequest): Promise<Conversion> {
  const { service, domain, to = '', atRest, ownerKeys } = request
  switch (command) {
    case 'pseudonymise':
      return pseudonymiseColumn(service, domain)
    case 'identify':
      return identifyColumn(service, domain)
    case 'receive':
      return receiveColumn(service, domain, await ownerKeys())
    case 'return':
      return returnColumn(service, domain, await ownerKeys())
    case 'convert':
      return atRest ? convertColumnAtRest(service, domain, to, await ownerKeys()) : convertColumn(service, domain, to)
    case 'evaluate':
      return evaluateColumn(service, domain)
  }
}

async function pseudonymiseColumn(service: PseudonymService, name: string): Promise<Conversion> {
  const domain = await service.domain(name)
  return conversion(domain, values => domain.pseudonymiseAll(values, { of: text => asValue(domain, text) }))
}

async function identifyColumn(service: PseudonymService, name: string): Promise<Conversion> {
  const domain = await service.domain(name)
  return conversion(domain, (values, options) => domain.identifyAll(values, options))
}

async function convertColumn(service: PseudonymService, name: string, to: string): Promise<Conversion> {
  const domain = await service.domain(name)
  await service.domain(to)
  return conversion(domain, (values, options) => domain.convertAll(values, { ...options, to }))
}

async function receiveColumn(service: PseudonymService, name: string, keys: OwnerKeys): Promise<Conversion> {
  const owner = await domainOwner({ service, domain: name, ...keys })
  return conversion(await service.domain(name), (values, options) => owner.atRestAll(values, options))
}

async function returnColumn(service: PseudonymService, name: string, keys: OwnerKeys): Promise<Conversion> {
  const owner = await domainOwner({ service, domain: name, ...keys })
  return conversion(await service.domain(name), (values, options) => owner.inTransitAll(values, options))
}

async function convertColumnAtRest(
  service: PseudonymService,
  name: string,
  to: string,
  keys: OwnerKeys,
): Promise<Conversion> {
  const owner = await domainOwner({ service, domain: name, ...keys })
  await service.domain(to)
  return conversion(await service.domain(name), (values, options) => owner.convertAll(values, { ...options, to }))
}

/** RFC 9497 outputs: this process, and whoever reads its output, learns final pseudonyms. */
async function evaluateColumn(service: PseudonymService, name: string): Promise<Conversion> {
  const domain = await service.domain(name)
  return {
    audience: domain.domain.audience,
    async convert(values) {
      const inputs = values.map(text => asValue(domain, text))
      const results = inputs.map(value => unfit(domain, value))
      const fit = inputs.filter((_, i) => results[i] === undefined)
      const outputs = fit.length === 0 ? [] : await domain.evaluate(fit, { [callerLearnsPseudonym]: true })
      let next = 0
      return results.map(rejection => rejection ?? Buffer.from(outputs[next++]!).toString('base64url'))
    },
  }
}

type Bulk = (values: readonly string[], options: BulkOptions<string, string>) => AsyncIterable<Done<string, Value>>

function conversion({ domain }: ServiceDomain, bulk: Bulk): Conversion {
  return {
    audience: domain.audience,
    async convert(values) {
      const results: (string | Rejection)[] = []
      for await (const { value, error } of bulk(values, { of: value => value }))
        results.push(error ? rejectionOf(error) : asText(value))
      return results
    },
  }
}

/** A file holds text: in a domain of `bytes` a value is its UTF-8. */
function asValue({ domain }: ServiceDomain, text: string): Value {
  return domain.valueFormat === 'bytes' ? Buffer.from(text, 'utf8') : text
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function asText(value: Value): string | Rejection {
  if (typeof value === 'string') return value
  try {
    return strictUtf8.decode(value)
  } catch {
    return { code: 'not-text', reason: 'the value is bytes that are no UTF-8 text' }
  }
}

function unfit(domain: ServiceDomain, value: Value): Rejection | undefined {
  try {
    valueToBytes(domain.domain.valueFormat, value)
    return undefined
  } catch (error) {
    if (error instanceof PseudonymError) return rejectionOf(error)
    throw error
  }
}

/** A quota that runs out within a batch is no fault of the row: the run waits or ends. */
function rejectionOf(error: PseudonymError): Rejection {
  if (notTheRowsFault.has(error.code)) throw error
  return { code: error.problem?.code ?? error.code, reason: error.message }
}

const notTheRowsFault: ReadonlySet<PseudonymErrorCode> = new Set(['over-quota', 'service-away', 'no-token', 'aborted'])
