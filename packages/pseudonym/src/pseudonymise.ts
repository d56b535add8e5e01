/**
 * Pseudonymise (pseudonyms.md §3): a care provider's values become pseudonyms in transit. The service sees blinded points
 * and learns neither values nor pseudonyms; the caller gets r⁻¹P and a token it cannot open, never P.
 */
import type { Engine, Point } from '@littlebox/curve'
import type { Domain } from './domain.ts'
import { ask, conclude, type Pending } from './exchange.ts'
import { PseudonymError } from './pseudonym-error.ts'
import { formatTransit } from './transit.ts'
import { domainsPath, type ServiceResponse } from './wire.ts'

/** The request for the points of values (`valuePoints`), and what to keep for its answer. */
export function pseudonymiseRequest(engine: Engine, domain: Domain, points: readonly Point[]): Promise<Pending> {
  const path = `${domainsPath}/${domain.name}/pseudonymizeMultiple`
  const questions = points.map(point => ({ point }))
  return ask(engine, { path, curve: domain.curve, answersIn: domain.name, inTransit: true }, questions)
}

/** Pseudonyms in transit, in the order of the points; a PseudonymError where the service had a problem with one. */
export async function processPseudonymiseResponse(
  engine: Engine,
  pending: Pending,
  response: ServiceResponse,
): Promise<(string | PseudonymError)[]> {
  const answers = await conclude(engine, pending, response)
  return answers.map(answer =>
    answer instanceof PseudonymError ? answer : formatTransit(answer.point, answer.transitInfo),
  )
}
