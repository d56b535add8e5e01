/**
 * How far a run is, on stderr: a bar on a terminal, else a plain line every few seconds (for logs). The time left is told
 * from the bytes read. Counts only, never a value.
 */
import type { Done } from './output.ts'

export interface Progress {
  begin(done: Done): void
  advance(done: Done): void
  end(): void
}

export const silent: Progress = { begin() {}, advance() {}, end() {} }

export interface ProgressView {
  readonly name: string
  /** Bytes of the input; `undefined` for a stream. */
  readonly total: number | undefined
  readonly terminal: NodeJS.WriteStream
}

export async function progressOn(view: ProgressView): Promise<Progress> {
  return view.terminal.isTTY && view.total !== undefined
    ? await bar(view.name, view.total, view.terminal)
    : lines(view, text => view.terminal.write(`${text}\n`))
}

async function bar(name: string, total: number, stream: NodeJS.WriteStream): Promise<Progress> {
  const { default: cliProgress } = await import('cli-progress')
  const shown = new cliProgress.SingleBar({
    stream,
    format: `${name} {bar} {percentage} %  {rows} rows  {rate} rows/s  {left} left`,
    hideCursor: true,
    fps: 5,
    linewrap: false,
    stopOnComplete: false,
  })
  let pace = startPace(undefined)
  const payload = (done: Done) => {
    const { rate, left } = pace(done, total)
    return { rows: grouped(done.rows), rate: grouped(rate), left: left === undefined ? '…' : duration(left) }
  }
  return {
    begin(done) {
      pace = startPace(done)
      shown.start(total, done.offset, payload(done))
    },
    advance: done => shown.update(done.offset, payload(done)),
    end: () => shown.stop(),
  }
}

const secondsBetweenLines = 5

/** The plain form. `now` in milliseconds. */
export function lines(
  { name, total }: ProgressView,
  write: (line: string) => void,
  now = () => performance.now(),
): Progress {
  let pace = startPace(undefined, now)
  let last = now()
  return {
    begin(done) {
      pace = startPace(done, now)
      last = now()
    },
    advance(done) {
      if (now() - last < secondsBetweenLines * 1000) return
      last = now()
      const { rate, left } = pace(done, total)
      const share = total ? ` (${Math.floor((100 * done.offset) / total)} %)` : ''
      const rest = left === undefined ? '' : `, about ${duration(left)} left`
      write(`${name}: ${grouped(done.rows)} rows${share}, ${grouped(rate)} rows/s${rest}`)
    },
    end() {},
  }
}

type Pace = (done: Done, total: number | undefined) => { rate: number; left: number | undefined }

/** Counted from where this run began: a resumed one tells its own rate. */
function startPace(from: Done | undefined, now = () => performance.now()): Pace {
  const started = now()
  const { rows = 0, offset = 0 } = from ?? {}
  return (done, total) => {
    const seconds = (now() - started) / 1000
    const bytes = done.offset - offset
    return {
      rate: seconds > 0 ? Math.round((done.rows - rows) / seconds) : 0,
      left: total === undefined || bytes <= 0 ? undefined : Math.ceil(((total - done.offset) * seconds) / bytes),
    }
  }
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

export function grouped(count: number): string {
  return `${count}`.replace(/\B(?=(\d{3})+$)/g, ',')
}
