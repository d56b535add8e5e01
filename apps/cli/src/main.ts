/**
 * The `littlebox` command. Compiled code is kept in a cache of the user's own (a start costs half as much from the second
 * time on); where that folder can't be written, the command works without.
 */
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

enableCompileCache(join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'littlebox', 'compiled'))
await import('./program.ts')
