/**
 * Threads for the native engine, as many as there are cores. Jobs wait in one queue and each thread holds two of them, so
 * that none runs dry while the main thread is busy. A thread that dies fails its jobs with `engine-unavailable` and is
 * replaced. Idle threads do not keep the process alive.
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
}

const jobsPerThread = 2

export function startPool(size: number = availableParallelism()): Pool {
  const queue: Waiting[] = []
  const threads = new Set<Thread>()

  return {
    run: job =>
      new Promise((resolve, reject) => {
        queue.push({ job, resolve, reject })
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

  /** The thread with the least to do, a new one while there are fewer than cores and all have something to do. */
  function freest(): Thread | undefined {
    const least = [...threads].sort((a, b) => a.underWay.length - b.underWay.length)[0]
    if (least?.underWay.length === 0) return least
    if (threads.size < size) return startThread()
    return least && least.underWay.length < jobsPerThread ? least : undefined
  }

  function startThread(): Thread {
    const file = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js'
    const worker = new Worker(new URL(file, import.meta.url), { name: 'littlebox-curve' })
    const thread: Thread = { worker, underWay: [] }
    threads.add(thread)
    worker.unref()
    worker.on('message', (result: JobResult) => {
      thread.underWay.shift()!.resolve(result)
      if (thread.underWay.length === 0) worker.unref()
      dispatch()
    })
    worker.on('error', cause => retire(thread, cause))
    worker.on('exit', () => retire(thread, undefined))
    return thread
  }

  function retire(thread: Thread, cause: unknown): void {
    if (!threads.delete(thread)) return
    for (const waiting of thread.underWay.splice(0))
      waiting.reject(new CurveError('engine-unavailable', 'a thread of the native engine has died', cause))
    dispatch()
  }
}
