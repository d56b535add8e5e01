/**
 * Threads for the native engine, as many as there are cores, started at once. Jobs wait in one queue and each thread holds
 * two of them, so that none runs dry while the main thread is busy. A thread that dies fails its jobs with
 * `engine-unavailable` and is replaced, unless it never came up. Idle threads do not keep the process alive.
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { CurveError } from '../curve-error.ts'
import type { Job, JobResult } from './job.ts'

export interface Pool {
  run(job: Job): Promise<JobResult>
}

interface Waiting {
  readonly job: Job
  readonly resolve: (result: JobResult) => void
  readonly reject: (error: CurveError) => void
}

interface Thread {
  readonly worker: Worker
  readonly underWay: Waiting[]
  hasAnswered: boolean
}

const jobsPerThread = 2

export function startPool(size: number = availableParallelism()): Pool {
  const queue: Waiting[] = []
  const threads = new Set<Thread>()
  for (let i = 0; i < size; i++) startThread()

  return {
    run: job =>
      new Promise((resolve, reject) => {
        queue.push({ job, resolve, reject })
        if (threads.size === 0) startThread()
        dispatch()
      }),
  }

  function dispatch(): void {
    while (queue.length > 0) {
      const thread = freest()
      if (!thread) return
      const next = queue.shift()!
      thread.underWay.push(next)
      if (thread.underWay.length === 1) thread.worker.ref()
      // Moved, not copied: no second copy of a scalar stays behind here.
      thread.worker.postMessage(next.job, 'scalars' in next.job ? [next.job.scalars.buffer] : [])
    }
  }

  function freest(): Thread | undefined {
    const least = [...threads].sort((a, b) => a.underWay.length - b.underWay.length)[0]
    return least && least.underWay.length < jobsPerThread ? least : undefined
  }

  function startThread(): void {
    const file = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js'
    // Jobs are short-lived bytes, for which a small young generation is enough.
    const worker = new Worker(new URL(file, import.meta.url), {
      name: 'littlebox-curve',
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    })
    const thread: Thread = { worker, underWay: [], hasAnswered: false }
    threads.add(thread)
    worker.on('message', (result: unknown) => {
      // Node's watch mode speaks on this channel too.
      if (!isResult(result)) return
      thread.hasAnswered = true
      thread.underWay.shift()!.resolve(result)
      if (thread.underWay.length === 0) worker.unref()
      dispatch()
    })
    worker.on('error', cause => retire(thread, cause))
    worker.on('exit', () => retire(thread, undefined))
    // After the listeners: each of them holds the process again.
    worker.unref()
  }

  function retire(thread: Thread, cause: unknown): void {
    if (!threads.delete(thread)) return
    if (thread.hasAnswered) startThread()
    // Without a thread nobody would take what waits.
    for (const waiting of [...thread.underWay.splice(0), ...(threads.size === 0 ? queue.splice(0) : [])])
      waiting.reject(new CurveError('engine-unavailable', 'a thread of the native engine has died', cause))
    dispatch()
  }
}

function isResult(message: unknown): message is JobResult {
  return message instanceof Uint8Array
}
