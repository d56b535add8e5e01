/**
 * One run at a time for an output: `OUT.lock` says which process writes it, on which machine. A process is told from a
 * later one with the same number by its start time; the lock of one that died on this machine is taken over. Of several
 * that find it dead one buries it: the right to do so is a file of its own, named after the dead.
 */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { CliError } from './cli-error.ts'
import { unwritable } from './disk.ts'

export interface OutputLock {
  release(): Promise<void>
}

/** CliError `output-in-use`, naming the lock; `output-unwritable`. */
export async function lockOutput(output: string): Promise<OutputLock> {
  const path = `${output}.lock`
  const mine = `${hostname()} ${process.pid} ${await startOf(process.pid)}`
  if (!(await makeExclusively(path, mine))) {
    const holder = await readHolder(path)
    if (!(await isDead(holder))) throw inUse(output, path, holder)
    await bury(path, holder)
    if (!(await makeExclusively(path, mine))) throw inUse(output, path, await readHolder(path))
  }
  return { release: () => rm(path, { force: true }) }
}

async function bury(path: string, dead: string): Promise<void> {
  const burial = `${path}.${dead.replaceAll(' ', '-')}`
  if (!(await makeExclusively(burial, ''))) return
  try {
    // Read again: whoever held this burial before us has removed the dead lock, and it may be a new one by now.
    if ((await readHolder(path)) === dead) await rm(path)
  } finally {
    await rm(burial, { force: true })
  }
}

/** Not when it is of another machine, or not written yet. */
async function isDead(holder: string): Promise<boolean> {
  const [host, pid, started] = holder.split(' ')
  if (started === undefined || host !== hostname()) return false
  return !exists(Number(pid)) || (await startOf(Number(pid))) !== started
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    return cause instanceof Error && 'code' in cause && cause.code !== 'ESRCH'
  }
}

/** Empty where the system doesn't tell (macOS, Windows): the process number alone decides there. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // proc_pid_stat(5): field 22; the name in field 2 may hold spaces and brackets, so count from behind it.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function readHolder(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}

async function makeExclusively(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { mode: 0o600, flag: 'wx' })
    return true
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') return false
    throw unwritable(path, cause)
  }
}

function inUse(output: string, path: string, holder: string): CliError {
  const [host, pid] = holder.split(' ')
  const who = pid === undefined ? '' : ` (process ${pid} on ${host})`
  return new CliError(
    'output-in-use',
    `another run is writing ${output}${who}`,
    `Wait for its end, or choose another --out. If there is no such run, remove ${path}.`,
  )
}
