/** How the command ends, for scripts. An interrupted run has the shell's number of its signal, and can be resumed. */
export const exitCode = {
  /** Every row was done. */
  done: 0,
  /** It could not go on; what was done stands, and `--resume` goes on from there. */
  error: 1,
  /** The command line, the profile or the column is not right; nothing was done. */
  usage: 2,
  /** Finished, but some rows were rejected: they stand in the side file. */
  rejectedRows: 3,
  /** SIGINT (128 + 2). */
  interrupted: 130,
  /** SIGTERM (128 + 15). */
  terminated: 143,
} as const
