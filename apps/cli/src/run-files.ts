/**
 * Which files a run reads and writes, decided before anything is asked or made: an existing output is never touched without
 * --resume or --force, and a run is resumable when both ends are files.
 */
import { createReadStream } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { format, parse } from 'node:path'
import { type Checkpoint, loadCheckpoint } from './checkpoint.ts'
import { CliError } from './cli-error.ts'
import type { ColumnCommandName } from './column-options.ts'
import type { Chunks } from './reader.ts'

/** Where a run reads and may write, by its command line alone. */
export interface Ends {
  readonly path: string
  /** For people: `-` is called stdin. */
  readonly name: string
  /** Bytes of the input; `undefined` for a stream. */
  readonly size: number | undefined
  readonly chunksFrom: (offset: number) => Chunks
  /** `undefined` for stdout. */
  readonly output: string | undefined
  readonly sideFile: string
  /** `undefined` when one end is a stream: such a run can't be resumed. */
  readonly checkpoint: string | undefined
}

export interface RunFiles extends Ends {
  /** The run to go on with. */
  readonly from: Checkpoint | undefined
  /** --resume of a run whose output stands and whose checkpoint is gone: it has finished. */
  readonly isFinished: boolean
}

export interface RunFileOptions {
  readonly out?: string
  readonly rejected?: string
  readonly resume?: boolean
  readonly force?: boolean
}

/** CliError `usage`, `input-unreadable`. */
export async function findEnds(command: ColumnCommandName, file: string, options: RunFileOptions): Promise<Ends> {
  if (options.resume && options.force) throw new CliError('usage', '--resume and --force exclude each other')
  const input = await inspectInput(file)
  const output = outputFor(command, file, options.out)
  const sideFile = options.rejected ?? (output === undefined ? undefined : `${output}.rejected.csv`)
  if (sideFile === undefined)
    throw new CliError('usage', 'with stdout as output, rejected rows need a place', 'Name one: --rejected FILE')
  const isResumable = input.size !== undefined && output !== undefined
  if (options.resume && !isResumable)
    throw new CliError('usage', 'a run from stdin or to stdout leaves nothing to resume')
  if (output !== undefined && (await isSame(file, output)))
    throw new CliError('usage', `${output} is the input itself`, 'Choose another --out.')
  return { ...input, output, sideFile, checkpoint: isResumable ? `${output}.checkpoint` : undefined }
}

/**
 * What stands there, and whether to go on with it: true for as long as the output's lock is held. CliError
 * `output-exists`, `checkpoint-unreadable`.
 */
export async function planRun(ends: Ends, options: RunFileOptions): Promise<RunFiles> {
  const { output, sideFile, checkpoint } = ends
  const written = [output, sideFile, checkpoint].filter(path => path !== undefined)
  const plan = { ...ends, from: undefined, isFinished: false }
  if (options.force) return plan
  if (!options.resume || checkpoint === undefined) {
    for (const path of written) if (await exists(path)) throw existing(path, path === checkpoint)
    return plan
  }
  const from = await loadCheckpoint(checkpoint)
  return { ...plan, from, isFinished: from === undefined && (await exists(output!)) }
}

async function inspectInput(file: string): Promise<Pick<Ends, 'path' | 'name' | 'size' | 'chunksFrom'>> {
  if (file === '-') return { path: file, name: 'stdin', size: undefined, chunksFrom: () => process.stdin }
  try {
    const found = await stat(file)
    if (found.isDirectory()) throw new CliError('input-unreadable', `${file} is a directory`)
    const size = found.isFile() ? found.size : undefined
    // A pipe has no offsets.
    const chunksFrom = (offset: number) => chunksOf(file, size === undefined ? undefined : offset)
    return { path: file, name: parse(file).base, size, chunksFrom }
  } catch (cause) {
    throw unreadable(file, cause)
  }
}

const chunkBytes = 128 * 1024

async function* chunksOf(path: string, offset: number | undefined): Chunks {
  const place = offset === undefined ? {} : { start: offset }
  try {
    yield* createReadStream(path, { ...place, highWaterMark: chunkBytes })
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

const made: Readonly<Record<ColumnCommandName, string>> = {
  pseudonymise: 'in-transit',
  receive: 'at-rest',
  return: 'in-transit',
  identify: 'identified',
  convert: 'converted',
  evaluate: 'evaluated',
}

function outputFor(command: ColumnCommandName, file: string, out: string | undefined): string | undefined {
  if (out === '-' || (out === undefined && file === '-')) return undefined
  if (out !== undefined) return out
  const { dir, name, ext } = parse(file)
  return format({ dir, name: `${name}.${made[command]}`, ext })
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}

async function isSame(input: string, output: string): Promise<boolean> {
  const [one, other] = await Promise.all([input, output].map(path => realpath(path).catch(() => undefined)))
  return one !== undefined && one === other
}

function existing(path: string, isCheckpoint: boolean): CliError {
  return isCheckpoint
    ? new CliError(
        'output-exists',
        `${path} is of an interrupted run`,
        'Go on with --resume, or begin anew with --force.',
      )
    : new CliError(
        'output-exists',
        `${path} exists`,
        'Go on with --resume, replace it with --force, or choose another --out.',
      )
}

function unreadable(path: string, cause: unknown): CliError {
  if (cause instanceof CliError) return cause
  const why = cause instanceof Error && 'code' in cause ? `${cause.code}` : 'unknown error'
  return new CliError('input-unreadable', `${path} can't be read (${why})`, 'Check the path and its rights.', cause)
}
