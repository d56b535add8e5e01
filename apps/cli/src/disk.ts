/**
 * The file operations on which resuming stands, and what each promises about a crash. Behind an interface so that the
 * tests can stop at every one of them.
 */
import { constants } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CliError } from './cli-error.ts'

export interface Disk {
  /**
   * Opens for appending, keeping the first `keep` bytes and cutting off the rest; makes the file when it is not there.
   * CliError `output-changed` when it is shorter than `keep`.
   */
  openAt(path: string, keep: number): Promise<Appender>
  /** The file has either its old content or `text`, whenever the machine stops; `text` once this returns. */
  replace(path: string, text: string): Promise<void>
  /** The file is gone once this returns, also after a crash. */
  remove(path: string): Promise<void>
}

export interface Appender {
  append(bytes: Uint8Array): Promise<void>
  /** What was appended survives a crash once this returns. */
  sync(): Promise<void>
  close(): Promise<void>
}

export const disk: Disk = { openAt, replace, remove }

async function openAt(path: string, keep: number): Promise<Appender> {
  const file = await writable(open(path, constants.O_WRONLY | constants.O_CREAT, 0o600), path)
  const { size } = await file.stat()
  if (size < keep) {
    await file.close()
    throw new CliError('output-changed', `${path} is shorter than the checkpoint says`, 'Start again with --force.')
  }
  if (size > keep) await file.truncate(keep)
  await syncDirectory(path)
  let position = keep
  return {
    async append(bytes) {
      for (let written = 0; written < bytes.length; ) {
        const { bytesWritten } = await writable(file.write(bytes, written, bytes.length - written, position), path)
        written += bytesWritten
        position += bytesWritten
      }
    },
    sync: () => writable(file.datasync(), path),
    close: () => file.close(),
  }
}

async function replace(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`
  const file = await writable(open(temporary, 'w', 0o600), temporary)
  try {
    await writable(file.writeFile(text), temporary)
    await writable(file.sync(), temporary)
  } finally {
    await file.close()
  }
  await writable(rename(temporary, path), path)
  await syncDirectory(path)
}

async function remove(path: string): Promise<void> {
  await writable(rm(path, { force: true }), path)
  await syncDirectory(path)
}

/** A new or renamed file survives a crash only once its directory is on the disk. */
async function syncDirectory(path: string): Promise<void> {
  let directory: FileHandle | undefined
  try {
    directory = await open(dirname(path), 'r')
    await directory.sync()
  } catch (cause) {
    if (!isUnsupported(cause)) throw unwritable(dirname(path), cause)
  } finally {
    await directory?.close()
  }
}

/** Windows and some network file systems refuse to sync a directory; they order renames themselves. */
function isUnsupported(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && ['EINVAL', 'EISDIR', 'EPERM', 'ENOTSUP'].includes(`${cause.code}`)
}

async function writable<T>(done: Promise<T>, path: string): Promise<T> {
  try {
    return await done
  } catch (cause) {
    throw unwritable(path, cause)
  }
}

export function unwritable(path: string, cause: unknown): CliError {
  const why = cause instanceof Error && 'code' in cause ? `${cause.code}` : 'unknown error'
  return new CliError(
    'output-unwritable',
    `${path} can't be written (${why})`,
    'Make room or choose another --out.',
    cause,
  )
}
