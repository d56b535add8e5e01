/**
 * Blind pseudonyms: the protocol (pure halves of every network step, pseudonyms in transit, domain documents, sealing at
 * rest) and the SDK that puts them together. Care providers use `pseudonymService`, backends `domainOwner`, the service
 * itself the transit and domain parts.
 */
export { type AtRestKey, type AtRestKeys, type AtRestSealer, atRestSealer, bareAtRest } from './at-rest.ts'
export { type Blinded, blind, unblind } from './blind.ts'
export { type ClientCredentials, clientCredentials } from './client-credentials.ts'
export { convertRequest, processConvertResponse } from './convert.ts'
export {
  type Domain,
  type DomainDocument,
  domainNamePattern,
  type Encoding,
  type GeneralJwe,
  parseDomain,
  parseDuration,
  type SealedSecretKey,
} from './domain.ts'
export { type DomainOwner, type DomainOwnerSettings, domainOwner, type InTransitOptions } from './domain-owner.ts'
export { domainRequest, processDomainResponse } from './domain-request.ts'
export { dpopProof, generateDpopKeys } from './dpop.ts'
export { evaluateRequest, type PendingEvaluation, processEvaluateResponse } from './evaluate.ts'
export type { Pending, Question } from './exchange.ts'
export { identifyRequest, processIdentifyResponse } from './identify.ts'
export type { BulkOptions, Done, Progress, Rows } from './in-order.ts'
export { parseNationalNumber } from './national-number.ts'
export { deserializeElements, type OprfSuite, oprfCurves, oprfOutput, serializeElement } from './oprf.ts'
export { PseudonymError, type PseudonymErrorCode, type Refusal } from './pseudonym-error.ts'
export { processPseudonymiseResponse, pseudonymiseRequest } from './pseudonymise.ts'
export { type FieldPlace, newSeed, openField, sealField } from './sealed-field.ts'
export {
  type OwnerKey,
  openSecretKeys,
  type SecretKeyRecipient,
  sealSecretKey,
  type TransitKeys,
} from './secret-keys.ts'
export { pseudonymService, type ServiceSettings } from './service.ts'
export {
  type CallOptions,
  callerLearnsPseudonym,
  type PseudonymService,
  type RecordParts,
  type RecordValues,
  type SealedRecord,
  type ServiceDomain,
} from './service-interface.ts'
export { allowInsecureHttp, plainBearer, type TokenSource } from './token-source.ts'
export {
  clockSkew,
  formatTransit,
  openTransit,
  parseTransits,
  type Seconds,
  sealTransit,
  splitTransit,
  type TransitInfo,
  type TransitKey,
  type TransitParts,
  type TransitScope,
  type TransitToSeal,
  transitKeyId,
} from './transit.ts'
export type { Send, TransportSettings } from './transport.ts'
export { type Value, type ValueFormat, valueFormats, valueFromBytes, valueToBytes } from './value-format.ts'
export { pointValue, type ValueScheme, valuePoints } from './value-point.ts'
export {
  type Coordinates,
  coordinates,
  type Item,
  type Output,
  type ProblemBody,
  type ServiceRequest,
  type ServiceResponse,
  uncompressed,
} from './wire.ts'
