// A storage backend with two endpoints, as Neon's guide has it, with Hono and the AWS SDK; and the same as one
// statement. PORT and PGHOST ... name where.
import { randomUUID } from 'node:crypto'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import pg from 'pg'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'

const bucket = 'my-bucket'
const region = 'eu-central-1'
const s3 = new S3Client({
  region,
  credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
})
const pool = new pg.Pool({ max: 8 })
const app = new Hono()

app.post('/presign-upload', async (c) => {
  const { fileName, contentType } = await c.req.json()
  const objectKey = `${randomUUID()}-${fileName}`
  const command = new PutObjectCommand({ Bucket: bucket, Key: objectKey, ContentType: contentType })
  const presignedUrl = await getSignedUrl(s3, command, { expiresIn: 300 })
  return c.json({ presignedUrl, objectKey, publicFileUrl: `https://${bucket}.s3.${region}.amazonaws.com/${objectKey}` })
})

app.post('/save-metadata', async (c) => {
  const { objectKey, publicFileUrl } = await c.req.json()
  const { rows } = await pool.query({
    name: 'save',
    text: 'INSERT INTO s3_files (object_key, file_url, user_id) VALUES ($1, $2, $3) RETURNING id',
    values: [objectKey, publicFileUrl, 'user_123'],
  })
  return c.json(rows[0])
})

app.post('/upload', async (c) => {
  const { fileName, contentType } = await c.req.json()
  const { rows } = await pool.query({
    name: 'upload',
    text: `SELECT u.presigned_url, u.headers, f.id FROM s3_presign_upload($1, $2) u,
             s3_save_metadata(u.object_key, u.public_file_url, $3) f`,
    values: [fileName, contentType, 'user_123'],
  })
  return c.json(rows[0])
})

serve({ fetch: app.fetch, hostname: '127.0.0.1', port: Number(process.env.PORT) })
