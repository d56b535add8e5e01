/**
 * What the SDK offers to a care provider (pseudonyms.md §10): a service, its domains, and their operations. The files
 * named after these do them: service.ts, service-domain.ts, sealed-record.ts.
 */
import type { Engine } from '@littlebox/curve'
import type { Domain } from './domain.ts'
import type { BulkOptions, Done, Rows } from './in-order.ts'
import type { Send } from './transport.ts'
import type { Value } from './value-format.ts'

export interface PseudonymService {
  /** The domain's operations; its document is fetched once and again after six hours. */
  readonly domain: (name: string) => Promise<ServiceDomain>
  /** The domain's document, fetched now. */
  readonly document: (name: string) => Promise<Domain>
  /** For the pure halves: any request, with tokens, deadlines and other tries. */
  readonly send: Send
  readonly batchSize: number
  readonly concurrency: number
  readonly gatherWindow: number
  readonly engine: () => Promise<Engine>
}

/** In a domain that evaluates, the caller learns final pseudonyms, and can compile a list of everybody it asks about. */
export const callerLearnsPseudonym: unique symbol = Symbol('the caller learns the pseudonym')

export interface CallOptions {
  readonly signal?: AbortSignal
}

export interface ServiceDomain {
  readonly domain: Domain
  /** A pseudonym in transit, to hand to the backend. PseudonymError `invalid-value`, `value-too-long`. */
  readonly pseudonymise: (value: Value, options?: CallOptions) => Promise<string>
  readonly pseudonymiseAll: <Row>(rows: Rows<Row>, options: BulkOptions<Row, Value>) => AsyncIterable<Done<Row, string>>
  /** The value of a pseudonym in transit. PseudonymError `invalid-transit-info`, `invalid-point`, `not-a-value`. */
  readonly identify: (transit: string, options?: CallOptions) => Promise<Value>
  readonly identifyAll: <Row>(rows: Rows<Row>, options: BulkOptions<Row, string>) => AsyncIterable<Done<Row, Value>>
  /** A pseudonym in transit of another domain. */
  readonly convert: (transit: string, to: string, options?: CallOptions) => Promise<string>
  readonly convertAll: <Row>(
    rows: Rows<Row>,
    options: BulkOptions<Row, string> & { readonly to: string },
  ) => AsyncIterable<Done<Row, string>>
  /** RFC 9497 outputs, in the order of the values. */
  readonly evaluate: (
    values: readonly Value[],
    options: CallOptions & { readonly [callerLearnsPseudonym]: true },
  ) => Promise<Uint8Array[]>
  /** §8: the identifier becomes a pseudonym in transit, the fields named become ciphertext. */
  readonly seal: (record: RecordValues, fields: readonly string[], parts: RecordParts) => Promise<SealedRecord>
  /** The reverse, refusing fields that were moved. */
  readonly open: (sealed: SealedRecord, fields: readonly string[], parts: RecordParts) => Promise<RecordValues>
}

export type RecordValues = Readonly<Record<string, unknown>>

/** Which members of the record are what. */
export interface RecordParts {
  /** The member with the patient's identifier. */
  readonly identifier: string
  /** The member with the record's own id, text, set by the caller. */
  readonly id: string
  /** The backend's domain for seeds: another than the patients', of the format `bytes`, reversible, with a way back. */
  readonly seeds: string
}

export interface SealedRecord {
  /** The identifier as a pseudonym in transit, the sealed fields as compact JWEs, all else as it was. */
  readonly record: RecordValues
  /** The seed as a pseudonym in transit of the domain of seeds. */
  readonly seed: string
}
