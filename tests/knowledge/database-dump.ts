/** Every row of every table of a database, as text; bytea as hex. */
import pg from 'pg'

export interface TableDump {
  readonly table: string
  readonly rows: string
}

export async function dumpDatabase(url: string): Promise<TableDump[]> {
  return withClient(url, async client => {
    const { rows } = await client.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables
       where schemaname not in ('pg_catalog', 'information_schema')`,
    )
    const dumps: TableDump[] = []
    for (const { name } of rows) {
      const { rows: content } = await client.query<{ row: string }>(`select row_to_json(t)::text as row from ${name} t`)
      dumps.push({ table: name, rows: content.map(({ row }) => row).join('\n') })
    }
    return dumps
  })
}

export async function execute(url: string, sql: string, values: readonly unknown[] = []): Promise<void> {
  await withClient(url, client => client.query(sql, [...values]))
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
