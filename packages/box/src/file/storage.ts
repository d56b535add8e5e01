/**
 * The box file on disk: read whole, written whole. A write is durable once it returns, and a crash at any moment leaves
 * either the old file or the new one. Its mode is 0600 and is checked at every reading.
 */
import type { BigIntStats } from 'node:fs'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BoxError } from '../box-error.ts'

/** What tells one state of a file from another without reading it. */
export type Mark = string

export interface Stored {
  readonly text: string
  readonly mark: Mark
}

const largest = 64 * 2 ** 20

/** BoxError `box-away` when there is no such file, `box-locked` when others may read it. */
export async function readBoxFile(path: string): Promise<Stored> {
  const file = await open(path, 'r').catch(cause => {
    throw new BoxError('box-away', `no box at ${path}`, cause)
  })
  try {
    const stats = await file.stat({ bigint: true })
    if ((stats.mode & 0o077n) !== 0n) throw new BoxError('box-locked', `${path} is open to others: chmod 600`)
    if (!stats.isFile() || stats.size > largest) throw new BoxError('state-unknown', `${path} is not a box file`)
    return { text: await file.readFile('utf8'), mark: markOf(stats) }
  } finally {
    await file.close()
  }
}

/** The file's mark now. BoxError `box-away`. */
export async function markBoxFile(path: string): Promise<Mark> {
  const stats = await stat(path, { bigint: true }).catch(cause => {
    throw new BoxError('box-away', `no box at ${path}`, cause)
  })
  return markOf(stats)
}

/** Replaces the file, for the holder of its lock: temporary file, fsync, rename, fsync of the directory. */
export async function writeBoxFile(path: string, text: string): Promise<Mark> {
  const temporary = `${path}.new`
  try {
    await rm(temporary, { force: true }) // what a crash has left
    await withFile(temporary, 'wx', async file => {
      await file.writeFile(text)
      await file.sync()
    })
    await rename(temporary, path)
    await withFile(dirname(path), 'r', directory => directory.sync())
    return await markBoxFile(path)
  } catch (cause) {
    if (cause instanceof BoxError) throw cause
    throw new BoxError('box-away', 'the box can not be written to', cause)
  }
}

async function withFile(path: string, flags: string, work: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, flags, 0o600)
  try {
    await work(file)
  } finally {
    await file.close()
  }
}

function markOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): Mark {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':')
}
