/**
 * A record with sealed fields, in one call (pseudonyms.md §8): the identifier and the record's seed are pseudonymised at
 * the same time, each in its domain, and the fields named are encrypted under the seed. The backend gets the record with
 * a pseudonym in transit, ciphertext, and the seed's pseudonym in transit; it stores both pseudonyms at rest.
 */
import { PseudonymError } from './pseudonym-error.ts'
import { newSeed, openField, sealField } from './sealed-field.ts'
import type { PseudonymService, RecordParts, RecordValues, SealedRecord, ServiceDomain } from './service-interface.ts'
import { type Value, valueToBytes } from './value-format.ts'

export async function sealRecord(
  service: PseudonymService,
  patients: ServiceDomain,
  record: RecordValues,
  fields: readonly string[],
  parts: RecordParts,
): Promise<SealedRecord> {
  const seeds = await seedDomain(service, patients, fields, parts)
  const value = record[parts.identifier] as Value
  const identifier = valueToBytes(patients.domain.valueFormat, value)
  const seed = newSeed(seeds.domain.curve, seeds.domain.bufferSize)
  const [transit, seedTransit] = await Promise.all([patients.pseudonymise(value), seeds.pseudonymise(seed)])
  const sealed = fields.map(field => [
    field,
    sealField(
      seed,
      { domain: patients.domain.name, record: recordId(record, parts), field },
      identifier,
      record[field],
    ),
  ])
  return { record: { ...record, ...Object.fromEntries(sealed), [parts.identifier]: transit }, seed: seedTransit }
}

/** PseudonymError `invalid-sealed-field` when a field, the seed or the patient belongs to another record. */
export async function openRecord(
  service: PseudonymService,
  patients: ServiceDomain,
  { record, seed: seedTransit }: SealedRecord,
  fields: readonly string[],
  parts: RecordParts,
): Promise<RecordValues> {
  const seeds = await seedDomain(service, patients, fields, parts)
  const transit = record[parts.identifier]
  if (typeof transit !== 'string') throw notARecord(`${parts.identifier} is no pseudonym in transit`)
  const [value, seed] = await Promise.all([patients.identify(transit), seeds.identify(seedTransit)])
  const identifier = valueToBytes(patients.domain.valueFormat, value)
  const opened = fields.map(field => {
    const place = { domain: patients.domain.name, record: recordId(record, parts), field }
    return [field, openField(seed as Uint8Array, place, identifier, String(record[field]))]
  })
  return { ...record, ...Object.fromEntries(opened), [parts.identifier]: value }
}

async function seedDomain(
  service: PseudonymService,
  patients: ServiceDomain,
  fields: readonly string[],
  parts: RecordParts,
): Promise<ServiceDomain> {
  if (fields.includes(parts.identifier) || fields.includes(parts.id))
    throw notARecord('the identifier and the id are never sealed fields')
  const seeds = await service.domain(parts.seeds)
  const { name, valueFormat, encoding, back } = seeds.domain
  if (name === patients.domain.name || valueFormat !== 'bytes' || encoding !== 'reversible' || !back)
    throw new PseudonymError('not-allowed', `${name} does not keep seeds`)
  return seeds
}

function recordId(record: RecordValues, { id }: RecordParts): string {
  const value = record[id]
  if (typeof value !== 'string' || value === '') throw notARecord(`${id} is no text`)
  return value
}

function notARecord(why: string): PseudonymError {
  return new PseudonymError('invalid-sealed-field', `not a record to seal or open: ${why}`)
}
