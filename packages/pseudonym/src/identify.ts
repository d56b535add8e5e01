/**
 * Identify (pseudonyms.md §3): pseudonyms in transit become values again, for a care provider. The service opens the
 * transit information and multiplies a blinded point; it learns neither pseudonym nor value.
 */
import type { Engine } from '@littlebox/curve'
import type { Domain } from './domain.ts'
import { ask, conclude, type Pending, type Question } from './exchange.ts'
import { PseudonymError } from './pseudonym-error.ts'
import type { Value } from './value-format.ts'
import { pointValue } from './value-point.ts'
import { domainsPath, type ServiceResponse } from './wire.ts'

/** PseudonymError `not-allowed` where no way leads back to a value. */
export async function identifyRequest(
  engine: Engine,
  domain: Domain,
  pseudonyms: readonly Question[],
): Promise<Pending> {
  if (!domain.back || domain.encoding !== 'reversible')
    throw new PseudonymError('not-allowed', `nothing can be identified in ${domain.name}`)
  const path = `${domainsPath}/${domain.name}/identifyMultiple`
  return ask(engine, { path, curve: domain.curve, answersIn: domain.name, inTransit: false }, pseudonyms)
}

/** Values in the order of the pseudonyms; a PseudonymError where one has none, or the service had a problem with it. */
export async function processIdentifyResponse(
  engine: Engine,
  domain: Domain,
  pending: Pending,
  response: ServiceResponse,
): Promise<(Value | PseudonymError)[]> {
  const answers = await conclude(engine, pending, response)
  return answers.map(answer => (answer instanceof PseudonymError ? answer : pointValue(domain, answer.point)))
}
