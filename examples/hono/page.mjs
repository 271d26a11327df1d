// What examples/browser and examples/uppy ask for. Every route is one SQL call.
import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { asUser } from './database.mjs'

const statements = {
  files: `
    SELECT id, object_key AS "objectKey", file_name AS name, content_type AS type, size, upload_timestamp AS "uploadedAt",
           s3_file_url(object_key, '1 hour') AS url, s3_file_url(object_key, '1 hour', download_as => file_name) AS "downloadUrl"
      FROM s3_files WHERE confirmed_at IS NOT NULL ORDER BY id DESC LIMIT 200`,
  remove: 'DELETE FROM s3_files WHERE id = $1 RETURNING id',
  begin: `
    SELECT object_key AS "objectKey", method, presigned_url AS url, headers
      FROM s3_begin_upload($2, coalesce(nullif($3, ''), s3_content_type($2), 'application/octet-stream'), $1,
             content_length => $4::file_size, columns => jsonb_build_object('file_name', $2::text))`,
  beginMultipart: `
    SELECT object_key AS "objectKey", upload_id AS "uploadId", part_size AS "partSize", part_count AS "partCount"
      FROM s3_begin_multipart_upload($2, coalesce(nullif($3, ''), s3_content_type($2), 'application/octet-stream'), $1,
             $4::file_size, part_size => $5, columns => jsonb_build_object('file_name', $2::text))`,
  unfinished: `
    SELECT u.object_key AS "objectKey", f.file_name AS name, u.content_length AS size, u.begun_at AS "begunAt"
      FROM s3_uploads u JOIN s3_files f USING (object_key) WHERE u.upload_id IS NOT NULL ORDER BY f.id`,
  parts: `
    SELECT part_number AS "partNumber", size, presigned_url AS url,
           (part_number - 1) * (SELECT first.size FROM s3_upload_part_urls($1, '{1}') first) AS start
      FROM s3_upload_part_urls($1, $2, '1 hour') ORDER BY part_number`,
  uploadedParts: 'SELECT part_number AS "partNumber", size, etag FROM s3_uploaded_parts($1)',
  confirm: 'SELECT object_key AS "objectKey", size, content_type AS type FROM s3_confirm_upload($1)',
  abort: 'SELECT s3_abort_upload($1) AS aborted',
  form: `
    SELECT url, fields, (SELECT coalesce(jsonb_agg(jsonb_build_object('name', file_name, 'url',
             s3_file_url(object_key, '1 hour', download_as => file_name)) ORDER BY id DESC), '[]')
        FROM s3_files WHERE confirmed_at IS NOT NULL) AS files
      FROM upload_form($1)`,
  saveForm: 'SELECT save_form($1)',
}

// Whole numbers of SQL's bigint arrive as text.
const numbers = (row) => Object.fromEntries(Object.entries(row).map(([name, value]) =>
  [name, ['id', 'size', 'start', 'partSize'].includes(name) && value !== null ? Number(value) : value]))

// SQLSTATE: HTTP status, and what to say; without text, what the database says.
const refusals = {
  22003: [400],
  '22P02': [400],
  22023: [400],
  23514: [413, 'the file is larger than this site takes'],
  42501: [404, 'there is no such file, or it is not yours'],
  P0002: [409, 'the bucket has no such file'],
  55000: [409],
}

function refusal(c, error) {
  console.error(`${c.req.method} ${c.req.path}:`, error.message)
  if (error instanceof SyntaxError) return c.json({ success: false, error: 'the request is no JSON' }, 400)
  const [status, text] = refusals[error.code] ?? [500, 'the server could not do that']
  return c.json({ success: false, error: text ?? error.message, code: error.code }, status)
}

const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css' }
const browser = new URL('../browser/', import.meta.url)
const uppy = new URL('../uppy/dist/', import.meta.url)
const escaped = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)

function addFiles(app, path, folder, names) {
  for (const name of names) {
    app.get(name === 'index.html' ? path : path + name, async (c) =>
      c.body(await readFile(new URL(name, folder)), 200, { 'content-type': types[extname(name)] }))
  }
}

async function formPage({ url, fields, files }) {
  const page = await readFile(new URL('form.html', browser), 'utf8')
  const parts = {
    url: escaped(url),
    fields: Object.entries(fields).map(([name, value]) =>
      `<input type="hidden" name="${escaped(name)}" value="${escaped(value)}">`).join(''),
    files: files.map((file) => `<li><a href="${escaped(file.url)}">${escaped(file.name)}</a></li>`).join(''),
  }
  return page.replace(/{{(\w+)}}/g, (_, name) => parts[name])
}

export function addPage(app, userOf) {
  const run = (c, name, ...values) => asUser(userOf(c), statements[name], values)
  const answer = (handler) => async (c) => {
    try {
      return await handler(c)
    } catch (error) {
      return refusal(c, error)
    }
  }
  const list = (name) => answer(async (c) => c.json((await run(c, name)).map(numbers)))
  // The values of a route's statement, from the request's JSON.
  const post = (path, name, values, many) => app.post(path, answer(async (c) => {
    const rows = (await run(c, name, ...values(await c.req.json(), c))).map(numbers)
    return c.json(many ? rows : rows[0])
  }))

  addFiles(app, '/', browser, ['index.html', 'page.js', 'upload.js', 'backend.js', 'style.css'])
  addFiles(app, '/uppy/', uppy, ['index.html', 'uppy.js', 'uppy.css'])
  app.get('/files', list('files'))
  app.get('/uploads', list('unfinished'))
  post('/uploads', 'begin', (body, c) => [userOf(c), body.name, body.type, body.size])
  post('/uploads/multipart', 'beginMultipart', (body, c) => [userOf(c), body.name, body.type, body.size, body.partSize])
  post('/uploads/parts', 'parts', (body) => [body.objectKey, body.partNumbers], true)
  post('/uploads/uploaded-parts', 'uploadedParts', (body) => [body.objectKey], true)
  post('/uploads/confirm', 'confirm', (body) => [body.objectKey])
  post('/uploads/abort', 'abort', (body) => [body.objectKey])
  app.delete('/files/:id{[0-9]+}', answer(async (c) => {
    const rows = await run(c, 'remove', c.req.param('id'))
    return rows.length ? c.json(rows[0]) : c.json({ success: false, error: refusals[42501][1] }, 404)
  }))
  app.get('/form', answer(async (c) => c.html(await formPage((await run(c, 'form', new URL('/form/done', c.req.url).href))[0]))))
  app.get('/form/done', answer(async (c) => {
    await run(c, 'saveForm', c.req.query('key'))
    return c.redirect('/form', 303)
  }))
}
