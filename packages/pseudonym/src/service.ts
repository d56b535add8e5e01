/**
 * The SDK's way to a pseudonymisation service (pseudonyms.md §10): base URLs, tokens, limits, and the domains behind it.
 * The service learns who calls, when and how often; it never learns a value or a pseudonym.
 */
import { engine as defaultEngine, type Engine } from '@littlebox/curve'
import { domainRequest, processDomainResponse } from './domain-request.ts'
import { openServiceDomain } from './service-domain.ts'
import type { PseudonymService, ServiceDomain } from './service-interface.ts'
import { openTransport, type TransportSettings } from './transport.ts'

export interface ServiceSettings extends TransportSettings {
  /** Items in one request; 100 unless given. eHealth's own service takes 10. */
  readonly batchSize?: number
  /** Requests under way at once in a bulk operation; 4 unless given. */
  readonly concurrency?: number
  /** How long a single call waits for others to travel with, in ms; 2 unless given. */
  readonly gatherWindow?: number
  /** The curve engine; this platform's unless given. */
  readonly engine?: Engine
}

/** §5: owners read the document again at least this often. */
export const documentLifetimeMs: number = 6 * 3600 * 1000

/** PseudonymError `insecure` for settings that would send tokens in the open. */
export function pseudonymService(settings: ServiceSettings): PseudonymService {
  const { batchSize = 100, concurrency = 4, gatherWindow = 2, engine } = settings
  const send = openTransport(settings)
  const domains = new Map<string, { readonly domain: Promise<ServiceDomain>; readonly goodUntilMs: number }>()
  const service: PseudonymService = {
    domain(name) {
      const known = domains.get(name)
      if (known && performance.now() < known.goodUntilMs) return known.domain
      const domain = service.document(name).then(document => openServiceDomain(service, document))
      domains.set(name, { domain, goodUntilMs: performance.now() + documentLifetimeMs })
      domain.catch(() => domains.delete(name))
      return domain
    },
    document: async name => processDomainResponse(name, await send(domainRequest(name))),
    send,
    batchSize,
    concurrency,
    gatherWindow,
    engine: () => (engine ? Promise.resolve(engine) : defaultEngine()),
  }
  return service
}
