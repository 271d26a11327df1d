import pg from 'pg'

if (!process.env.DATABASE_URL) process.loadEnvFile?.()
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 })
pool.on('error', (error) => console.error('idle connection:', error.message))

// One statement as a user: row-level security sees who it is until the transaction ends.
export async function asUser(userId, sql, values = []) {
  const client = await pool.connect()
  let broken
  try {
    await client.query('BEGIN')
    await client.query("SELECT set_config('app.user_id', $1, true)", [userId])
    const { rows } = await client.query(sql, values)
    await client.query('COMMIT')
    return rows
  } catch (error) {
    await client.query('ROLLBACK').catch((lost) => (broken = lost))
    throw error
  } finally {
    client.release(broken)
  }
}
