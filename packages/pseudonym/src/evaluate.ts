/**
 * Evaluate (RFC 9497, pseudonyms.md §6): for domains that allow it, the caller itself gets the final pseudonym of a value,
 * and the service still learns neither. Verifiable (VOPRF) when the domain has published its public key, else OPRF: the
 * mode belongs to the domain, because the two modes give different outputs.
 */

import type { CurveName, Engine } from '@littlebox/curve'
import { fromBase64, toBase64Url } from '#base64'
import { type Domain, domainNamePattern } from './domain.ts'
import { refusal, unexpected } from './exchange.ts'
import {
  blind,
  deserializeElements,
  deserializeProof,
  finalize,
  type OprfBatch,
  type OprfSuite,
  serializeElement,
} from './oprf.ts'
import { PseudonymError } from './pseudonym-error.ts'
import type { ServiceRequest, ServiceResponse } from './wire.ts'

/** What the sender keeps until the answer comes: the blinds are secret. */
export interface PendingEvaluation {
  readonly request: ServiceRequest
  readonly batch: OprfBatch
}

/** PseudonymError `not-allowed` where the domain has no `evaluate`. Inputs are bytes in the domain's value format. */
export async function evaluateRequest(
  engine: Engine,
  domain: Domain,
  inputs: readonly Uint8Array[],
): Promise<PendingEvaluation> {
  if (!domain.evaluate || !domainNamePattern.test(domain.name))
    throw new PseudonymError('not-allowed', `${domain.name} does not evaluate`)
  const batch = await blind(engine, suites[domain.curve], domain.publicKey ? 'VOPRF' : 'OPRF', inputs)
  const blinded = batch.blindedElements.map(element => toBase64Url(serializeElement(element)))
  return { request: { method: 'POST', path: `/pseudo/v2/domains/${domain.name}/evaluate`, body: { blinded } }, batch }
}

/** The output of each input. PseudonymError `unexpected-answer` also when a proof is missing or does not hold. */
export async function processEvaluateResponse(
  engine: Engine,
  domain: Domain,
  { batch }: PendingEvaluation,
  response: ServiceResponse,
): Promise<Uint8Array[]> {
  if (response.status !== 200) throw refusal(response)
  const { evaluated, proof } = (response.body ?? {}) as Record<string, unknown>
  if (!Array.isArray(evaluated) || evaluated.length !== batch.inputs.length)
    throw unexpected('not one element for each input')
  const elements = await deserializeElements(engine, batch.suite, evaluated.map(bytesOf))
  if (!domain.publicKey) return finalize(engine, batch, { evaluated: elements })
  return finalize(engine, batch, {
    evaluated: elements,
    publicKey: domain.publicKey,
    proof: deserializeProof(batch.suite, bytesOf(proof)),
  })
}

const suites: Readonly<Record<CurveName, OprfSuite>> = {
  'P-256': 'P256-SHA256',
  'P-384': 'P384-SHA384',
  'P-521': 'P521-SHA512',
}

function bytesOf(text: unknown): Uint8Array {
  const bytes = typeof text === 'string' && text.length < 1024 ? fromBase64(text) : undefined
  if (!bytes) throw unexpected('not base64url')
  return bytes
}
