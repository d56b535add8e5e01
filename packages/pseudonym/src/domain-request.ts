/** The domain document over HTTP (pseudonyms.md §5): the request, and the check that the answer is the domain asked for. */
import { type Domain, domainNamePattern, parseDomain } from './domain.ts'
import { refusal, unexpected } from './exchange.ts'
import { PseudonymError } from './pseudonym-error.ts'
import { domainsPath, type ServiceRequest, type ServiceResponse } from './wire.ts'

export function domainRequest(name: string): ServiceRequest {
  if (!domainNamePattern.test(name)) throw new PseudonymError('invalid-domain', 'no domain has such a name')
  return { method: 'GET', path: `${domainsPath}/${name}` }
}

/** PseudonymError `invalid-domain`, `unexpected-answer`, or what the service refused with. */
export function processDomainResponse(name: string, response: ServiceResponse): Domain {
  if (response.status !== 200) throw refusal(response)
  const domain = parseDomain(response.body)
  if (domain.name !== name) throw unexpected('another domain')
  return domain
}
