/**
 * The checkpoint of a run: up to where the input is done and how long the output and the side file were then. It stands
 * beside the output (`OUT.checkpoint`), is written only after what it speaks of is on the disk, and holds no value of the
 * file: hashes of two stretches of the input only tell whether it is still the same one.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { z } from 'zod'
import { CliError } from './cli-error.ts'
import type { Disk } from './disk.ts'

const count = z.int().nonnegative()

const checkpointSchema = z.strictObject({
  format: z.literal('littlebox-checkpoint/1'),
  /** What decides the output: the command and its options, by name. */
  options: z.record(z.string(), z.string()),
  input: z.strictObject({ size: count, modified: z.string(), beginning: z.string(), around: z.string() }),
  done: z.strictObject({ offset: count, line: count, rows: count, rejected: z.record(z.string(), count) }),
  output: count,
  sideFile: count,
})

export type Checkpoint = z.infer<typeof checkpointSchema>

export type Fingerprint = Checkpoint['input']

export async function saveCheckpoint(disk: Disk, path: string, checkpoint: Checkpoint): Promise<void> {
  await disk.replace(path, `${JSON.stringify(checkpoint, null, 2)}\n`)
}

/** `undefined` when there is none. CliError `checkpoint-unreadable`. */
export async function loadCheckpoint(path: string): Promise<Checkpoint | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw unreadable(path, cause)
  }
  try {
    return checkpointSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

function unreadable(path: string, cause: unknown): CliError {
  return new CliError(
    'checkpoint-unreadable',
    `${path} can't be read as a checkpoint`,
    'Start again with --force.',
    cause,
  )
}

/** CliError `input-changed` or `options-changed` when going on would mix two runs. */
export async function checkSameRun(
  checkpoint: Checkpoint,
  options: Readonly<Record<string, string>>,
  inputPath: string,
): Promise<void> {
  for (const name of new Set([...Object.keys(checkpoint.options), ...Object.keys(options)]))
    if (checkpoint.options[name] !== options[name])
      throw new CliError(
        'options-changed',
        `the interrupted run had another ${name}: ${checkpoint.options[name] ?? 'none'}, not ${options[name] ?? 'none'}`,
        'Resume with the same options, or start again with --force.',
      )
  const now = await fingerprint(inputPath, checkpoint.done.offset)
  for (const what of ['size', 'modified', 'beginning', 'around'] as const)
    if (checkpoint.input[what] !== now[what])
      throw new CliError(
        'input-changed',
        `${inputPath} is not the file that the interrupted run read (${changed[what]})`,
        'Bring that file back, or start again with --force.',
      )
}

const changed: Readonly<Record<keyof Fingerprint, string>> = {
  size: 'its size differs',
  modified: 'it was modified since',
  beginning: 'its beginning differs',
  around: 'it differs where the run stopped',
}

const beginningBytes = 65_536
const aroundBytes = 4_096

/** Tells one input from another without reading all of it: size, time, its beginning, and the bytes around `offset`. */
export async function fingerprint(path: string, offset: number): Promise<Fingerprint> {
  const file = await open(path, 'r')
  try {
    const { size, mtimeNs } = await file.stat({ bigint: true })
    return {
      size: Number(size),
      modified: `${mtimeNs}`,
      beginning: await hashOf(file, 0, beginningBytes),
      around: await hashOf(file, Math.max(0, offset - aroundBytes), 2 * aroundBytes),
    }
  } finally {
    await file.close()
  }
}

async function hashOf(file: FileHandle, position: number, length: number): Promise<string> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position)
  return createHash('sha256').update(buffer.subarray(0, bytesRead)).digest('base64url')
}
