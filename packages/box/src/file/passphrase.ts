/**
 * The passphrase of a box comes out of a file that nobody else can read, or a systemd credential: never from the
 * environment or the command line, which other processes and crash reports see.
 */
import { open } from 'node:fs/promises'
import { BoxError } from '../box-error.ts'

const longest = 1024

/**
 * The bytes of the file without one newline at the end. BoxError `pin-refused`: missing, empty, over 1,024 bytes, or
 * open to others. (systemd shows a credential to its service by an ACL, which appears as the group's read bit on a file
 * that is not the service's own.)
 */
export async function readPassphrase(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path, 'r')
    try {
      const { mode, uid, size } = await file.stat()
      const open = uid === process.getuid?.() ? mode & 0o077 : mode & 0o037
      if (open !== 0) throw refused(`${path} is open to others: chmod 600`)
      if (size > longest) throw refused(`${path} is longer than ${longest} bytes`)
      const bytes = await file.readFile()
      const passphrase = Uint8Array.from(bytes.at(-1) === 0x0a ? bytes.subarray(0, -1) : bytes)
      bytes.fill(0)
      if (passphrase.length === 0) throw refused(`${path} is empty`)
      return passphrase
    } finally {
      await file.close()
    }
  } catch (cause) {
    if (cause instanceof BoxError) throw cause
    throw new BoxError('pin-refused', `no passphrase to be read from ${path}`, cause)
  }
}

function refused(message: string): BoxError {
  return new BoxError('pin-refused', message)
}
