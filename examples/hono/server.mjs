// The two endpoints of Neon's guide "File storage with AWS S3": no SDK, no credentials.
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { asUser } from './database.mjs'
import { addPage } from './page.mjs'

const app = new Hono()

// Replace this with your actual authentication: who this returns is who row-level security lets in.
const userOf = () => 'user_123'

// A row and a URL, or neither.
app.post('/presign-upload', async (c) => {
  try {
    const { fileName, contentType } = await c.req.json()
    if (!fileName || !contentType) throw new Error('fileName and contentType required')
    const [upload] = await asUser(userOf(c), `
      SELECT presigned_url AS "presignedUrl", object_key AS "objectKey", public_file_url AS "publicFileUrl"
        FROM presign_upload($1, $2)`, [fileName, contentType])
    return c.json({ success: true, ...upload })
  } catch (error) {
    console.error('Presign Error:', error.message)
    return c.json({ success: false, error: 'Failed to prepare upload' }, 500)
  }
})

// The database asks the bucket whether the file is there, and takes nobody's word for it.
app.post('/save-metadata', async (c) => {
  try {
    const { objectKey } = await c.req.json()
    if (!objectKey) throw new Error('objectKey required')
    await asUser(userOf(c), 'SELECT s3_confirm_upload($1)', [objectKey])
    return c.json({ success: true })
  } catch (error) {
    console.error('Metadata Save Error:', error.message)
    return c.json({ success: false, error: 'Failed to save metadata' }, 500)
  }
})

addPage(app, userOf) // examples/browser and examples/uppy; the guide's endpoints don't need it

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) }, (info) => {
  console.log(`Server running at http://localhost:${info.port}`)
})
