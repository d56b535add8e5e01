/** A service as an operator runs it: a process of its own, known to be up when it has printed where it listens. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export const repository: string = join(import.meta.dirname, '..', '..')

export interface ServiceProcess {
  readonly url: string
  readonly pid: number
  /** SIGTERM, and SIGKILL after 15 s; resolves when the process is gone. */
  stop(): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
}

export interface Launch {
  /** The service's main file, from the repository's root. */
  readonly main: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Where standard output and error go. */
  readonly log: string
}

/** As deploy/systemd has it: V8 and malloc would else take what a large machine has, and nothing would be faster. */
const smallHeap = ['--max-semi-space-size=8', '--max-old-space-size=384']

/** Starts a service and waits for its line `{"event":"listening","url":…}`. */
export async function startService({ main, args, env = {}, log }: Launch): Promise<ServiceProcess> {
  const child = spawn(
    process.execPath,
    ['--conditions=littlebox:source', ...smallHeap, join(repository, main), ...args],
    {
      env: { MALLOC_ARENA_MAX: '2', PATH: process.env.PATH ?? '', NODE_ENV: 'production', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  for (const stream of [child.stdout, child.stderr]) stream.pipe(createWriteStream(log, { flags: 'a' }))
  const gone = new Promise<void>(resolve => child.once('exit', () => resolve()))
  const url = await listening(child, main, log)
  return {
    url,
    pid: child.pid!,
    stop: () => end(child, gone, 'SIGTERM'),
    kill: () => end(child, gone, 'SIGKILL'),
  }
}

function listening(child: ChildProcess, main: string, log: string): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', code => reject(new Error(`${main} stopped with code ${code}; its log is ${log}`)))
    createInterface({ input: child.stdout! }).on('line', line => {
      const said: unknown = line.startsWith('{') ? JSON.parse(line) : {}
      if (isListening(said)) resolve(said.url)
    })
  })
}

function isListening(said: unknown): said is { event: 'listening'; url: string } {
  return typeof said === 'object' && said !== null && 'event' in said && said.event === 'listening' && 'url' in said
}

async function end(child: ChildProcess, gone: Promise<void>, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  const deadline = setTimeout(() => child.kill('SIGKILL'), 15_000)
  await gone
  clearTimeout(deadline)
}
