/**
 * A domain as a care provider uses it (pseudonyms.md §10). Single calls are gathered into batches; the forms that end in
 * `All` stream any number of rows. The caller holds values and pseudonyms in transit, never a pseudonym at rest.
 */
import type { Point } from '@littlebox/curve'
import { onSucceeded } from './batch.ts'
import { convertRequest, processConvertResponse } from './convert.ts'
import type { Domain } from './domain.ts'
import { evaluateRequest, processEvaluateResponse } from './evaluate.ts'
import type { Pending, Question } from './exchange.ts'
import { type Gathered, gather } from './gathering.ts'
import { identifyRequest, processIdentifyResponse } from './identify.ts'
import { inOrder } from './in-order.ts'
import { type PseudonymError as Failure, PseudonymError } from './pseudonym-error.ts'
import { processPseudonymiseResponse, pseudonymiseRequest } from './pseudonymise.ts'
import { openRecord, sealRecord } from './sealed-record.ts'
import { callerLearnsPseudonym, type PseudonymService, type ServiceDomain } from './service-interface.ts'
import { parseTransits } from './transit.ts'
import { type Value, valueToBytes } from './value-format.ts'
import { valuePoints } from './value-point.ts'

type Results<T> = (T | Failure)[]

export function openServiceDomain(service: PseudonymService, domain: Domain): ServiceDomain {
  const { batchSize, concurrency, gatherWindow } = service
  const pseudonymiseOne = gather(gatherWindow, batchSize, (values: Value[]) => pseudonymiseBatch(values))
  const identifyOne = gather(gatherWindow, batchSize, (transits: string[]) => identifyBatch(transits))
  const convertOne = new Map<string, Gathered<string, string>>()

  const self: ServiceDomain = {
    domain,
    pseudonymise: (value, { signal } = {}) => pseudonymiseOne(value, signal),
    identify: (transit, { signal } = {}) => identifyOne(transit, signal),
    async convert(transit, to, { signal } = {}) {
      let one = convertOne.get(to)
      if (!one) {
        one = gather(gatherWindow, batchSize, (transits: string[]) => convertBatch(to, transits))
        convertOne.set(to, one)
      }
      return one(transit, signal)
    },
    pseudonymiseAll: (rows, options) => inOrder(rows, options, { batchSize, concurrency, run: pseudonymiseBatch }),
    identifyAll: (rows, options) => inOrder(rows, options, { batchSize, concurrency, run: identifyBatch }),
    convertAll: (rows, options) =>
      inOrder(rows, options, {
        batchSize,
        concurrency,
        run: (transits, signal) => convertBatch(options.to, transits, signal),
      }),
    async evaluate(values, options) {
      if (options[callerLearnsPseudonym] !== true)
        throw new PseudonymError('not-allowed', 'evaluate needs the symbol callerLearnsPseudonym')
      const engine = await service.engine()
      const outputs: Uint8Array[] = []
      for (let from = 0; from < values.length; from += batchSize) {
        const inputs = values.slice(from, from + batchSize).map(value => valueToBytes(domain.valueFormat, value))
        const pending = await evaluateRequest(engine, domain, inputs)
        const response = await service.send(pending.request, options.signal)
        outputs.push(...(await processEvaluateResponse(engine, domain, pending, response)))
      }
      return outputs
    },
    seal: (record, fields, parts) => sealRecord(service, self, record, fields, parts),
    open: (sealed, fields, parts) => openRecord(service, self, sealed, fields, parts),
  }
  return self

  async function pseudonymiseBatch(values: readonly Value[], signal?: AbortSignal): Promise<Results<string>> {
    const engine = await service.engine()
    return onSucceeded(await valuePoints(engine, domain, values), async (points: Point[]) => {
      const pending = await pseudonymiseRequest(engine, domain, points)
      return processPseudonymiseResponse(engine, pending, await service.send(pending.request, signal))
    })
  }

  async function identifyBatch(transits: readonly string[], signal?: AbortSignal): Promise<Results<Value>> {
    const engine = await service.engine()
    return onSucceeded(await parseTransits(engine, domain.curve, transits), async (questions: Question[]) => {
      const pending = await identifyRequest(engine, domain, questions)
      return processIdentifyResponse(engine, domain, pending, await service.send(pending.request, signal))
    })
  }

  async function convertBatch(to: string, transits: readonly string[], signal?: AbortSignal): Promise<Results<string>> {
    const engine = await service.engine()
    const target = await service.domain(to)
    return onSucceeded(await parseTransits(engine, domain.curve, transits), async (questions: Question[]) => {
      const pending: Pending = await convertRequest(engine, domain, target.domain, questions)
      return processConvertResponse(engine, pending, await service.send(pending.request, signal))
    })
  }
}
