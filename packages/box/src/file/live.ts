/**
 * A box file that other processes may replace, lose and bring back while this one uses it. Before a use the file is
 * looked at, at most once in 250 ms: unchanged, it costs one `stat`; changed, it is read and checked again; gone, broken
 * or older than what was seen, use stops with `box-away`, and goes on once the file is right again.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { BoxError } from '../box-error.ts'
import { type Contents, type FileKey, type KeyRecord, parse, serialize } from './format.ts'
import { withLock } from './lock.ts'
import { type Mark, markBoxFile, readBoxFile, writeBoxFile } from './storage.ts'

/** After this many ms every process that uses the file obeys what was written to it. */
const noticedWithin = 250

export interface LiveFile<T> {
  /** What the file held when it was last looked at. BoxError `box-away`. */
  current(): Promise<T>
  /** Replaces the keys, as the only writer, starting from what the file holds now; durable once it returns. */
  replace(edit: (now: T, keys: readonly KeyRecord[]) => Promise<readonly KeyRecord[]>): Promise<T>
}

/** `load` makes of the contents what the driver works with; what it refuses does not come into use, nor to disk. */
export async function followFile<T>(
  path: string,
  key: FileKey,
  load: (contents: Contents, before: T | undefined) => Promise<T>,
): Promise<LiveFile<T>> {
  let seen = await read(undefined)
  let lookedAt = performance.now()
  let failure: unknown
  let looking: Promise<void> | undefined

  return {
    async current() {
      if (performance.now() - lookedAt >= noticedWithin) {
        looking ??= look().finally(() => {
          looking = undefined
        })
        await looking
      }
      if (failure !== undefined) throw new BoxError('box-away', 'the box file is gone or not as it was', failure)
      return seen.loaded
    },

    replace: edit =>
      withLock(path, async () => {
        seen = await read(seen)
        const keys = await edit(seen.loaded, seen.contents.keys)
        const contents = { revision: seen.contents.revision + 1, keys }
        const loaded = await load(contents, seen.loaded)
        const mark = await writeBoxFile(path, serialize(key, contents))
        seen = { contents, loaded, mark }
        return loaded
      }),
  }

  async function look(): Promise<void> {
    const begin = performance.now()
    try {
      if (failure !== undefined || (await markBoxFile(path)) !== seen.mark) {
        const next = await read(seen)
        if (next.contents.revision >= seen.contents.revision) seen = next // else our own write came in between
      }
      failure = undefined
    } catch (cause) {
      failure = cause
    }
    lookedAt = begin
  }

  async function read(before: Seen<T> | undefined): Promise<Seen<T>> {
    const { text, mark } = await readBoxFile(path)
    const contents = parse(key, text)
    if (before && contents.revision < before.contents.revision)
      throw new BoxError('state-unknown', 'the box file is older than what this process has seen')
    return { contents, mark, loaded: await load(contents, before?.loaded) }
  }
}

/** Waits until every process that uses the file has noticed what was written before the call. */
export async function allHaveNoticed(): Promise<void> {
  await delay(noticedWithin + 50) // timers and clocks differ by some ms
}

interface Seen<T> {
  readonly contents: Contents
  readonly mark: Mark
  readonly loaded: T
}
