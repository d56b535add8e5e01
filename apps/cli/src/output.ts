/**
 * Where a run writes: the output, and the side file when there are rejected rows. A resumable output keeps a checkpoint:
 * what it counts is on the disk before it is written, so a run killed at any moment loses what came after the last
 * checkpoint and nothing else; resuming cuts both files back to it.
 */
import { type Checkpoint, fingerprint, saveCheckpoint } from './checkpoint.ts'
import type { Appender, Disk } from './disk.ts'

export type Done = Checkpoint['done']

export const nothingDone: Done = { offset: 0, line: 1, rows: 0, rejected: {} }

export interface Output {
  /** Up to where the input is in the files. */
  readonly done: Done
  /** Text as Latin-1 characters, one a byte. `done` counts it once this returns. */
  append(text: string, aside: string, done: Done): Promise<void>
  /** Puts everything on the disk, and says so in the checkpoint where there is one. */
  save(): Promise<void>
  /** The same, and the run is over: the checkpoint goes. */
  finish(): Promise<void>
  close(): Promise<void>
}

export interface ResumableFiles {
  readonly disk: Disk
  readonly input: string
  readonly output: string
  readonly sideFile: string
  readonly checkpoint: string
  readonly options: Readonly<Record<string, string>>
  /** The interrupted run to go on with; without it whatever stands there is replaced. */
  readonly from: Checkpoint | undefined
  /** Milliseconds between checkpoints: what a kill can cost. */
  readonly saveEvery: number
}

export async function openResumableOutput(files: ResumableFiles): Promise<Output> {
  const { disk, options, from } = files
  let { done, output, sideFile } = from ?? { done: nothingDone, output: 0, sideFile: 0 }
  let aside: Appender | undefined
  let saved = performance.now()

  const save = async () => {
    await main.sync()
    await aside?.sync()
    await writeCheckpoint()
    saved = performance.now()
  }
  const writeCheckpoint = async () => {
    const input = await fingerprint(files.input, done.offset)
    await saveCheckpoint(disk, files.checkpoint, {
      format: 'littlebox-checkpoint/1',
      options,
      input,
      done,
      output,
      sideFile,
    })
  }

  // The checkpoint comes first: whatever stands in the files without one is not ours to go on with.
  if (!from) await writeCheckpoint()
  if (sideFile === 0) await disk.remove(files.sideFile)
  else await cutBack(disk, files.sideFile, sideFile)
  const main = await disk.openAt(files.output, output)

  return {
    get done() {
      return done
    },
    async append(text, rejected, next) {
      if (rejected) {
        aside ??= await disk.openAt(files.sideFile, sideFile)
        await aside.append(bytesOf(rejected))
      }
      if (text) await main.append(bytesOf(text))
      output += text.length
      sideFile += rejected.length
      done = next
      if (performance.now() - saved >= files.saveEvery) await save()
    },
    save,
    async finish() {
      await main.sync()
      await aside?.sync()
      await disk.remove(files.checkpoint)
    },
    async close() {
      await main.close()
      await aside?.close()
    },
  }
}

/** At once: it may be that no further row is rejected, and the file never opened again. */
async function cutBack(disk: Disk, path: string, keep: number): Promise<void> {
  const file = await disk.openAt(path, keep)
  await file.sync().finally(() => file.close())
}

/** A stream at one end: written once, not resumable. The side file is made with the first rejected row. */
export function openStreamOutput(disk: Disk, stream: Appender, sideFile: string): Output {
  let done = nothingDone
  let aside: Appender | undefined
  const save = async () => {
    await stream.sync()
    await aside?.sync()
  }
  return {
    get done() {
      return done
    },
    async append(text, rejected, next) {
      if (rejected) {
        aside ??= await disk.openAt(sideFile, 0)
        await aside.append(bytesOf(rejected))
      }
      if (text) await stream.append(bytesOf(text))
      done = next
    },
    save,
    finish: save,
    async close() {
      await stream.close()
      await aside?.close()
    },
  }
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}
