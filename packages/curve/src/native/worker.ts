/** A thread of the native engine: takes jobs in order, answers each, and wipes the scalars it was sent. */
import { parentPort } from 'node:worker_threads'
import { type Job, perform } from './job.ts'
import { loadLibcrypto } from './libcrypto.ts'

const libcrypto = loadLibcrypto()

parentPort!.on('message', (job: Job) => {
  const results = perform(libcrypto, job)
  if ('scalars' in job) job.scalars.fill(0)
  parentPort!.postMessage(results, [results.buffer])
})
