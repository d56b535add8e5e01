/**
 * Convert (pseudonyms.md §3): pseudonyms of one domain become pseudonyms in transit of another. In transit, anybody with
 * access to both domains may; at rest (a question without transit information) only the owner, who has P. The service
 * sees blinded points, the caller learns no pseudonym of the other domain.
 */
import type { Engine } from '@littlebox/curve'
import type { Domain } from './domain.ts'
import { ask, type Pending, type Question } from './exchange.ts'
import { PseudonymError } from './pseudonym-error.ts'
import { domainsPath } from './wire.ts'

/** PseudonymError `not-allowed` for domains that do not convert into one another. */
export async function convertRequest(
  engine: Engine,
  from: Domain,
  to: Domain,
  pseudonyms: readonly Question[],
): Promise<Pending> {
  const alike = from.curve === to.curve && from.encoding === to.encoding && from.bufferSize === to.bufferSize
  if (!from.back || !alike || from.name === to.name)
    throw new PseudonymError('not-allowed', `${from.name} does not convert to ${to.name}`)
  const path = `${domainsPath}/${from.name}/convertMultipleTo/${to.name}`
  return ask(engine, { path, curve: from.curve, answersIn: to.name, inTransit: true }, pseudonyms)
}

/** As for pseudonymise: pseudonyms in transit, of the other domain. */
export { processPseudonymiseResponse as processConvertResponse } from './pseudonymise.ts'
